import type { Me } from '@neipix/api'
import { queryOptions, useQuery, type QueryClient } from '@tanstack/react-query'
import { api } from './api'

/** Who is signed in, and what they may do. */
export const meQuery = () =>
  queryOptions({ ...api.query.queryOptions('get', '/api/v1/auth/me'), staleTime: 60_000 })

/** Who is signed in; `undefined` for a guest. Throws where that cannot be known now. */
export async function whoIsHere(queries: QueryClient): Promise<Me | undefined> {
  if ((await api.session.bearer()) === undefined) return undefined
  return queries.ensureQueryData(meQuery())
}

/** The signed-in person, on guarded screens. */
export function useMe(): Me | undefined {
  return useQuery(meQuery()).data
}

/** Whether the person may do this, such as `assistants.write`. The server decides; this only hides what would fail. */
export function useMay(permission: string): boolean {
  return useMe()?.permissions.includes(permission) ?? false
}
