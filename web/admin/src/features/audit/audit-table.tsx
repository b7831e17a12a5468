import { problemText, Trouble } from '@neipix/shell'
import { Button, DataTable, Empty, Time, type DataTableColumn } from '@neipix/ui'
import type { TFunction } from 'i18next'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import type { AuditRecord, useAudit } from './queries'

export interface AuditTableProps {
  audit: ReturnType<typeof useAudit>
  /** Whether a filter may be what hides the records. */
  narrowed: boolean
  openId?: string | undefined
  onOpen: (record: AuditRecord) => void
  onReset: () => void
}

/** The records of one chain. */
export function AuditTable({ audit, narrowed, openId, onOpen, onReset }: AuditTableProps) {
  const { t } = useTranslation('audit')
  const { t: common } = useTranslation('common')
  const columns = useMemo(() => columnsOf(t), [t])
  const rows = useMemo(() => audit.data?.pages.flatMap((page) => page.records), [audit.data])
  return (
    <DataTable
      aria-label={t('title')}
      columns={columns}
      rows={rows}
      rowId={(record) => record.id}
      rowHeight={40}
      sortMode="server"
      onRowOpen={onOpen}
      selectedId={openId}
      paging={{
        hasMore: audit.hasNextPage,
        loading: audit.isFetchingNextPage,
        error: audit.isFetchNextPageError ? `${t('moreFailed')}: ${problemText(audit.error)}` : undefined,
        moreLabel: common('more'),
        onMore: () => void audit.fetchNextPage(),
      }}
      error={
        audit.isError && !audit.data ? (
          <Trouble error={audit.error} onRetry={() => void audit.refetch()} retrying={audit.isFetching} />
        ) : undefined
      }
      empty={
        narrowed ? (
          <Empty
            title={t('noneTitle')}
            hint={t('noneHint')}
            action={<Button onClick={onReset}>{t('reset')}</Button>}
          />
        ) : (
          <Empty title={t('emptyTitle')} hint={t('emptyHint')} />
        )
      }
    />
  )
}

function columnsOf(t: TFunction<'audit'>): DataTableColumn<AuditRecord>[] {
  return [
    {
      id: 'time',
      header: t('time'),
      width: '8.5rem',
      cell: ({ time }) =>
        time ? (
          <span className="flex gap-2">
            <Time value={time} show="day" />
            <Time value={time} show="clock" className="text-ink-2" />
          </span>
        ) : null,
    },
    {
      id: 'action',
      header: t('action'),
      cell: (record) => <span className="font-medium">{shortAction(record.action)}</span>,
    },
    {
      id: 'actor',
      header: t('actor'),
      width: '14rem',
      hideBelow: 'md',
      cell: (record) => <code className="font-mono text-xs">{record.actor}</code>,
    },
    {
      id: 'object',
      header: t('object'),
      width: '16rem',
      hideBelow: 'lg',
      cell: (record) => <code className="font-mono text-xs">{record.object}</code>,
    },
  ]
}

/** The rpc without its package: `PriceService/CreatePrice`. */
export function shortAction(action: string): string {
  return action.slice(action.lastIndexOf('.', action.indexOf('/')) + 1)
}
