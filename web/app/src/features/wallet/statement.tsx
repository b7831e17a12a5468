import type { Schemas } from '@neipix/api'
import { Button, DataTable, Empty, Money, Segmented, Skeleton, Time, type DataTableColumn } from '@neipix/ui'
import { useInfiniteQuery } from '@tanstack/react-query'
import { X } from 'lucide-react'
import { lazy, Suspense, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { kindOf, type Period, type StatementSearch } from './filters'
import { statementQuery } from './queries'

const KindSelect = lazy(() => import('./kind-select'))

export interface StatementProps {
  search: StatementSearch
  /** Puts filters and the open row into the address. */
  onSearch: (search: StatementSearch) => void
}

/** Every movement of money, by filters that stand in the address. */
export function Statement({ search, onSearch }: StatementProps) {
  const { t } = useTranslation(['wallet', 'common'])
  const columns = useColumns()
  const { open, ...filters } = search
  const statement = useInfiniteQuery(statementQuery(filters))
  const rows = useMemo(() => statement.data?.pages.flatMap(({ transfers }) => transfers), [statement.data])
  const filtered = Object.values(filters).some((value) => value !== undefined)
  const reset = filtered ? <Button onClick={() => onSearch({})}>{t('filters.reset')}</Button> : undefined
  return (
    <section aria-label={t('statement')} className="flex min-h-0 flex-1 flex-col gap-3">
      <Filters search={search} onSearch={onSearch} />
      <DataTable
        aria-label={t('statement')}
        columns={columns}
        rows={rows}
        rowId={({ id }) => id}
        selectedId={open}
        onRowOpen={({ id }) => onSearch({ ...filters, open: id })}
        sortMode="server"
        empty={
          <Empty
            title={t(filtered ? 'nothing' : 'empty')}
            hint={t(filtered ? 'nothingHint' : 'emptyHint')}
            action={reset}
          />
        }
        error={
          statement.error && !rows ? (
            <Trouble error={statement.error} onRetry={() => void statement.refetch()} />
          ) : undefined
        }
        paging={{
          hasMore: statement.hasNextPage,
          loading: statement.isFetchingNextPage,
          error: statement.isFetchNextPageError ? t('moreFailed') : undefined,
          moreLabel: t('common:more'),
          onMore: () => void statement.fetchNextPage(),
        }}
        className="h-auto max-h-[max(24rem,calc(100dvh-24rem))]"
      />
    </section>
  )
}

function useColumns(): DataTableColumn<Schemas['Transfer']>[] {
  const { t } = useTranslation('wallet')
  return useMemo(
    () => [
      {
        id: 'time',
        header: t('columns.time'),
        width: '9rem',
        hideBelow: 'sm',
        cell: ({ createTime }) => (createTime ? <When value={createTime} /> : null),
      },
      {
        id: 'kind',
        header: t('columns.kind'),
        cell: ({ kind, createTime }) => (
          <span className="block min-w-0">
            <span className="block truncate">{t(`kinds.${kindOf(kind)}`)}</span>
            {/* Where its own column has no room. */}
            <span className="text-xs sm:hidden">{createTime ? <When value={createTime} /> : null}</span>
          </span>
        ),
      },
      {
        id: 'amount',
        header: t('columns.amount'),
        kind: 'number',
        width: '8rem',
        cell: ({ amountMicroPix }) => <Money microPix={amountMicroPix} priceMicroRub={null} signed fixed />,
      },
      {
        id: 'balance',
        header: t('columns.balance'),
        kind: 'number',
        width: '9rem',
        hideBelow: 'sm',
        cell: ({ balanceMicroPix }) => <Money microPix={balanceMicroPix} priceMicroRub={null} fixed />,
      },
    ],
    [t],
  )
}

function When({ value }: { value: string }) {
  return (
    <span className="flex flex-wrap gap-x-2">
      <Time value={value} show="day" />
      <Time value={value} show="clock" className="text-ink-2" />
    </span>
  )
}

const PERIODS: readonly Period[] = ['7d', '30d', 'all']

function Filters({ search, onSearch }: StatementProps) {
  const { t } = useTranslation('wallet')
  const { kind, period, turn } = search
  const choose = (changes: StatementSearch) => onSearch({ kind, period, turn, ...changes })
  return (
    <div className="flex flex-wrap items-center gap-3">
      <Segmented<Period>
        aria-label={t('filters.period')}
        segments={PERIODS.map((value) => ({ value, label: t(`filters.periods.${value}`) }))}
        value={period ?? 'all'}
        onValueChange={(value) => choose({ period: value === 'all' ? undefined : value })}
      />
      <Suspense fallback={<Skeleton className="h-9 w-64 max-sm:w-full" />}>
        <KindSelect kind={kind} onChange={(value) => choose({ kind: value })} />
      </Suspense>
      {turn ? (
        <Button size="sm" onClick={() => onSearch({ kind, period })}>
          {t('filters.turn')}
          <X aria-hidden />
        </Button>
      ) : null}
    </div>
  )
}
