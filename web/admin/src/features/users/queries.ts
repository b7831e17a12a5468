import { api } from '@neipix/shell'
import type { Schemas } from '@neipix/api'
import { keepPreviousData } from '@tanstack/react-query'

export type DirectoryUser = Schemas['DirectoryUser']

/** The orders that the server knows. */
export const ORDERS = [
  'create_time',
  'create_time desc',
  'available_micro_pix',
  'available_micro_pix desc',
] as const
export type Order = (typeof ORDERS)[number]

export interface UsersFilter {
  /** Part of an e-mail or a name. */
  q: string
  staff: boolean
  order: Order
}

/** Shorter words are not searched for: the server refuses them. */
export const SHORTEST_SEARCH = 2

/** The platform's users, page after page. */
export function useUsers({ q, staff, order }: UsersFilter) {
  const query = {
    pageSize: 100,
    orderBy: order,
    ...(q.length >= SHORTEST_SEARCH ? { q } : {}),
    ...(staff ? { staff } : {}),
  }
  return api.query.useInfiniteQuery(
    'get',
    '/api/v1/admin/users',
    { params: { query } },
    {
      pageParamName: 'pageToken',
      initialPageParam: '',
      getNextPageParam: (last) => last.nextPageToken || undefined,
      // While a new word is looked for, the old rows stay: the table does not flicker.
      placeholderData: keepPreviousData,
    },
  )
}
