import { Button, buttonVariants, Empty, PixelPortrait, Skeleton, Time, cn } from '@neipix/ui'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { Trouble } from '@app/shared/trouble'
import type { Assistant } from './draft'
import { assistantPages, type AssistantsFilter } from './queries'
import { StatusBadge } from './status-badge'

const GRID = 'grid gap-3 sm:grid-cols-2 xl:grid-cols-3'

/** The assistants as cards, each a link to its screen. */
export function AssistantList({ filter, onReset }: { filter: AssistantsFilter; onReset: () => void }) {
  const { t } = useTranslation('assistants')
  const pages = useInfiniteQuery(assistantPages(filter))
  if (pages.isPending) return <CardSkeletons />
  if (!pages.data)
    return <Trouble error={pages.error} onRetry={() => void pages.refetch()} retrying={pages.isFetching} />
  const assistants = pages.data.pages.flatMap((page) => page.assistants)
  if (assistants.length === 0)
    return <Nobody filtered={Boolean(filter.q || filter.status)} onReset={onReset} />
  return (
    <>
      <ul aria-label={t('title')} className={cn(GRID, pages.isPlaceholderData && 'opacity-60')}>
        {assistants.map((assistant) => (
          <li key={assistant.id} className="flex min-w-0">
            <AssistantCard assistant={assistant} />
          </li>
        ))}
      </ul>
      {pages.hasNextPage ? (
        <More
          failed={pages.isFetchNextPageError}
          loading={pages.isFetchingNextPage}
          onMore={() => void pages.fetchNextPage()}
        />
      ) : null}
    </>
  )
}

function AssistantCard({ assistant }: { assistant: Assistant }) {
  const { t } = useTranslation('assistants')
  const { id, status, draft, updateTime, unpublishedChanges, publishedVersion } = assistant
  const pending = unpublishedChanges && publishedVersion > 0
  return (
    <Link
      to="/assistants/$id"
      params={{ id }}
      data-slot="assistant-card"
      className="border-line bg-surface hover:border-ai flex min-w-0 flex-1 gap-3.5 rounded-xl border p-4 shadow-sm transition-colors"
    >
      <PixelPortrait id={id} size={48} />
      <span className="flex min-w-0 flex-1 flex-col gap-1">
        <span className="truncate font-semibold tracking-tight">{draft?.name}</span>
        <span className="text-ink-2 line-clamp-2 text-sm break-words">
          {draft?.description || draft?.instruction || t('list.noDescription')}
        </span>
        <span className="text-ink-2 mt-auto flex flex-wrap items-center gap-x-2.5 gap-y-1 pt-2 text-xs">
          <StatusBadge status={status} />
          {updateTime ? (
            <span>
              {t('list.changed')} <Time value={updateTime} />
            </span>
          ) : null}
          {pending ? <span className="text-warn w-full">{t('list.unpublished')}</span> : null}
        </span>
      </span>
    </Link>
  )
}

function Nobody({ filtered, onReset }: { filtered: boolean; onReset: () => void }) {
  const { t } = useTranslation('assistants')
  const mayCreate = useMay('assistants.write')
  if (filtered) {
    return (
      <Empty
        title={t('list.nothing')}
        hint={t('list.nothingHint')}
        action={<Button onClick={onReset}>{t('list.showAll')}</Button>}
      />
    )
  }
  return (
    <Empty
      icon={<PixelPortrait id="first" size={64} className="mb-2" />}
      title={t('list.empty')}
      hint={mayCreate ? t('list.emptyHint') : t('list.emptyRead')}
      action={mayCreate ? <CreateLink /> : undefined}
    />
  )
}

/** The way to a new assistant. */
export function CreateLink(): ReactNode {
  const { t } = useTranslation('assistants')
  return (
    <Link to="/assistants/new" className={buttonVariants({ variant: 'primary' })}>
      <Plus aria-hidden />
      {t('create')}
    </Link>
  )
}

interface MoreProps {
  failed: boolean
  loading: boolean
  onMore: () => void
}

function More({ failed, loading, onMore }: MoreProps) {
  const { t } = useTranslation('assistants')
  return (
    <div className="flex flex-col items-center gap-2 pt-5">
      {failed ? (
        <p role="alert" className="text-danger text-sm">
          {t('list.moreFailed')}
        </p>
      ) : null}
      <Button loading={loading} onClick={onMore}>
        {t('more', { ns: 'common' })}
      </Button>
    </div>
  )
}

function CardSkeletons() {
  const { t } = useTranslation('common')
  return (
    <div aria-busy className={GRID}>
      <span role="status" className="sr-only">
        {t('loading')}
      </span>
      {Array.from({ length: 6 }, (_, n) => (
        <div key={n} className="border-line bg-surface flex gap-3.5 rounded-xl border p-4 shadow-sm">
          <Skeleton className="size-12 rounded-md" />
          <div className="flex flex-1 flex-col gap-2 pt-1">
            <Skeleton className="h-4 w-2/5" />
            <Skeleton className="h-3.5 w-full" />
            <Skeleton className="h-3.5 w-3/5" />
            <Skeleton className="h-3 w-1/4" />
          </div>
        </div>
      ))}
    </div>
  )
}
