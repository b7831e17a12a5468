import { queryOptions, useQuery } from '@tanstack/react-query'
import { api } from '@app/shared/api'

/** Names of the assistants, at most so many. */
const MOST = 200

const assistants = () =>
  queryOptions({
    ...api.query.queryOptions('get', '/api/v1/assistants', { params: { query: { pageSize: MOST } } }),
    staleTime: 60_000,
  })

/** The workspace's assistants by id and name; empty while they load or where they may not be seen. */
export function useAssistants(): readonly { readonly id: string; readonly name: string }[] {
  const { data } = useQuery({
    ...assistants(),
    select: (page) => page.assistants.map(({ id, draft }) => ({ id, name: draft?.name ?? '' })),
  })
  return data ?? []
}

/** The name of one; empty while it is not known. */
export function useAssistantName(id: string | undefined): string {
  return useAssistants().find((one) => one.id === id)?.name ?? ''
}
