import { Button, Empty, RowList, Skeleton, buttonVariants } from '@neipix/ui'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { isForbidden, problemText } from '@app/shared/problems'
import { Trouble } from '@app/shared/trouble'
import { useInboxState } from './core'
import type { DialogueList } from './dialogue-list'
import { DialogueRow, ROW_PX } from './dialogue-row'
import { ListFilters } from './list-filters'
import { dialogueList, moreDialogues } from './queries'
import { filterOf, type ListSearch } from './search'
import { useListKeys } from './use-list-keys'

export interface ListPaneProps {
  readonly search: ListSearch
  readonly openId: string | undefined
}

/** The list of dialogues with its filters. */
export function ListPane({ search, openId }: ListPaneProps) {
  const { t } = useTranslation('inbox')
  const filter = useMemo(() => filterOf(search), [search])
  const list = useQuery(dialogueList(filter))
  const rows = list.data?.loaded ? list.data.rows : undefined
  useListKeys(rows, openId, search)
  // What was read before stays in sight while a new try runs.
  const failed = list.isError && rows === undefined
  return (
    <>
      <header className="flex flex-col gap-3 p-4 pb-3">
        <h1
          data-slot="page-title"
          tabIndex={-1}
          className="text-xl font-semibold tracking-tight outline-none"
        >
          {t('title')}
        </h1>
        {!(failed && isForbidden(list.error)) && <ListFilters search={search} />}
      </header>
      <div className="border-line min-h-0 flex-1 border-t">
        {failed ? (
          <Trouble error={list.error} onRetry={() => void list.refetch()} retrying={list.isFetching} />
        ) : (
          <Rows search={search} list={list.data?.loaded ? list.data : undefined} openId={openId} />
        )}
      </div>
    </>
  )
}

interface RowsProps extends ListPaneProps {
  readonly list: DialogueList | undefined
}

function Rows({ search, list, openId }: RowsProps) {
  const { t } = useTranslation('inbox')
  const queries = useQueryClient()
  const filter = useMemo(() => filterOf(search), [search])
  const more = useMutation({ mutationFn: () => moreDialogues(queries, filter), meta: { handled: true } })
  const seen = useInboxState((state) => state.seen)
  const since = useInboxState((state) => state.since)
  return (
    <RowList
      aria-label={t('list')}
      rows={list?.rows}
      rowId={(row) => row.id}
      rowHeight={ROW_PX}
      listKey={JSON.stringify(filter)}
      selectedId={openId}
      skeleton={<RowSkeleton />}
      empty={<NoRows search={search} />}
      paging={{
        hasMore: list?.next !== undefined,
        loading: more.isPending,
        error: more.error ? problemText(more.error) : undefined,
        moreLabel: t('more'),
        onMore: () => more.mutate(),
      }}
    >
      {(row, props) => (
        <DialogueRow
          conversation={row}
          search={search}
          open={row.id === openId}
          unread={isUnread(row, seen[row.id], since)}
          {...props}
        />
      )}
    </RowList>
  )
}

/** The customer had the last word, and this browser has not shown it. */
function isUnread(row: DialogueList['rows'][number], seen: number | undefined, since: string): boolean {
  const last = row.lastMessage
  if (last?.author !== 'AUTHOR_CONTACT') return false
  if (seen !== undefined) return Number(last.seq) > seen
  return Date.parse(last.createTime ?? '') > Date.parse(since)
}

function RowSkeleton() {
  return (
    <div className="flex h-full items-center gap-3 px-4">
      <Skeleton className="size-9 shrink-0 rounded-md" />
      <span className="flex min-w-0 flex-1 flex-col gap-2">
        <Skeleton className="h-3.5 w-2/5" />
        <Skeleton className="h-3 w-4/5" />
      </span>
    </div>
  )
}

function NoRows({ search }: { readonly search: ListSearch }) {
  const { t } = useTranslation('inbox')
  const navigate = useNavigate()
  if (Object.values(search).some((value) => value !== undefined)) {
    const reset = () => void navigate({ to: '.', search: {} })
    return (
      <Empty
        title={t('empty.filtered')}
        hint={t('empty.filteredHint')}
        action={<Button onClick={reset}>{t('filters.reset')}</Button>}
      />
    )
  }
  return (
    <Empty
      title={t('empty.title')}
      hint={t('empty.hint')}
      action={
        <Link to="/assistants" className={buttonVariants({ variant: 'primary' })}>
          {t('empty.connect')}
        </Link>
      }
    />
  )
}
