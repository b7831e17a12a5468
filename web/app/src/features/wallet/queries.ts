import { infiniteQueryOptions } from '@tanstack/react-query'
import { api } from '@app/shared/api'
import { KINDS, periodStart, type StatementSearch } from './filters'

/** Rows on a page. */
const PAGE = 50

export const walletQuery = () => api.query.queryOptions('get', '/api/v1/billing/wallet')

/** The statement by these filters, page after page. */
export function statementQuery({ kind, period, turn }: Omit<StatementSearch, 'open'>) {
  const query = {
    pageSize: PAGE,
    ...(kind ? { kind: KINDS[kind] } : {}),
    ...(period ? { fromTime: periodStart(period, new Date()) } : {}),
    ...(turn ? { turnId: turn } : {}),
  }
  return infiniteQueryOptions({
    queryKey: ['get', '/api/v1/billing/statement', 'pages', query],
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const { data } = await api.http.GET('/api/v1/billing/statement', {
        signal,
        params: { query: { ...query, ...(pageParam ? { pageToken: pageParam } : {}) } },
      })
      return data!
    },
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
  })
}

/** One operation with its postings and what was counted. */
export const transferQuery = (id: string) =>
  api.query.queryOptions('get', '/api/v1/billing/transfers/{id}', { params: { path: { id } } })
