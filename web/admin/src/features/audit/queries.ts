import type { Schemas } from '@neipix/api'
import { api } from '@neipix/shell'
import { keepPreviousData } from '@tanstack/react-query'
import type { AuditSearch } from './search'

export type AuditRecord = Schemas['AuditRecord']

/** One chain of records, newest first, page after page. */
export function useAudit({ workspace, action }: Pick<AuditSearch, 'workspace' | 'action'>) {
  const query = {
    pageSize: 100,
    ...(workspace ? { workspaceId: workspace } : {}),
    ...(action ? { action } : {}),
  }
  return api.query.useInfiniteQuery(
    'get',
    '/api/v1/admin/audit',
    { params: { query } },
    {
      pageParamName: 'pageToken',
      initialPageParam: '',
      getNextPageParam: (last) => last.nextPageToken || undefined,
      placeholderData: keepPreviousData,
    },
  )
}
