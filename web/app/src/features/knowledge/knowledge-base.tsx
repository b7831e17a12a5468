import { Button, Empty, FileDrop, Input, Skeleton, buttonVariants, type KnownFile } from '@neipix/ui'
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { MessageCircleQuestionMark, Search } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useStore } from 'zustand'
import { useMay } from '@app/shared/session'
import { useSettled } from '@app/shared/use-settled'
import { Trouble } from '@app/shared/trouble'
import { FilePreview } from './file-preview'
import { FileRows } from './file-rows'
import { filePages, isMoving, uploadsOf, useLiveFiles, type KnowledgeFile } from './queries'
import { RULES } from './rules'
import { UploadRows } from './upload-rows'
import type { Upload, Uploads } from './uploads'

export interface KnowledgeBaseProps {
  assistantId: string
  /** Archived assistants take no files. */
  closed: boolean
  /** The file whose text is open. */
  openFile: string | undefined
  onOpenFile: (id: string | undefined) => void
}

/** Files: dropping them, watching them become knowledge, looking inside. */
export function KnowledgeBase({ assistantId, closed, openFile, onOpenFile }: KnowledgeBaseProps) {
  const mayWrite = useMay('knowledge.write') && !closed
  const [q, setQ] = useState('')
  const searched = useSettled(q.trim())
  const pages = useInfiniteQuery(filePages(assistantId, searched))
  useLiveFiles(assistantId)
  const queue = uploadsOf(useQueryClient())
  const all = useStore(queue.store, ({ list }) => list)
  const uploads = all.filter((upload) => upload.assistantId === assistantId)
  useLeaveQuestion(uploads)
  // What this page uploads is shown once, with its progress.
  const own = new Set(uploads.map(({ fileId }) => fileId))
  const files = pages.data?.pages.flatMap((page) => page.files).filter(({ id }) => !own.has(id))
  const preview = (file: KnowledgeFile) => onOpenFile(file.id)
  return (
    <div className="flex flex-col gap-4">
      {mayWrite ? (
        <Drop assistantId={assistantId} files={files ?? []} uploads={uploads} queue={queue} />
      ) : null}
      <UploadRows uploads={uploads} queue={queue} />
      <NextStep assistantId={assistantId} files={files} uploads={uploads} />
      {q !== '' || (files && files.length > 5) ? <SearchBox value={q} onChange={setQ} /> : null}
      {pages.isPending ? (
        <RowSkeletons />
      ) : files === undefined ? (
        <Trouble error={pages.error} onRetry={() => void pages.refetch()} retrying={pages.isFetching} />
      ) : files.length === 0 ? (
        <Nothing searched={searched !== ''} uploading={uploads.length > 0} onReset={() => setQ('')} />
      ) : (
        <FileRows assistantId={assistantId} files={files} onPreview={preview} />
      )}
      {pages.hasNextPage ? (
        <More
          failed={pages.isFetchNextPageError}
          loading={pages.isFetchingNextPage}
          onMore={() => void pages.fetchNextPage()}
        />
      ) : null}
      <FilePreview assistantId={assistantId} fileId={openFile} onClose={() => onOpenFile(undefined)} />
    </div>
  )
}

interface DropProps {
  assistantId: string
  files: readonly KnowledgeFile[]
  uploads: readonly Upload[]
  queue: Uploads
}

function Drop({ assistantId, files, uploads, queue }: DropProps) {
  const { t } = useTranslation('knowledge')
  const known: KnownFile[] = [
    ...files.map(({ name, sizeBytes }) => ({ name, size: Number(sizeBytes) })),
    ...uploads.map(({ name, size }) => ({ name, size })),
  ]
  return (
    <FileDrop
      rules={RULES}
      known={known}
      onFiles={(dropped) => queue.add(assistantId, dropped)}
      labels={{
        title: t('drop.title'),
        browse: t('drop.browse'),
        hint: t('drop.hint'),
        dropHere: t('drop.here'),
        rejected: t('drop.rejected'),
        reason: ({ reason }) => t(`drop.reasons.${reason}`),
        dismiss: t('drop.dismiss'),
      }}
    />
  )
}

/** The browser asks before a page with running uploads is closed. */
function useLeaveQuestion(uploads: readonly Upload[]): void {
  const running = uploads.some(({ state }) => state !== 'failed')
  useEffect(() => {
    if (!running) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', ask)
    return () => window.removeEventListener('beforeunload', ask)
  }, [running])
}

interface NextStepProps {
  assistantId: string
  files: readonly KnowledgeFile[] | undefined
  uploads: readonly Upload[]
}

/** After the files of this visit were read, the way to the first question. */
function NextStep({ assistantId, files, uploads }: NextStepProps) {
  const { t } = useTranslation('knowledge')
  const watched = useRef(false)
  const busy = uploads.some(({ state }) => state !== 'failed') || (files?.some(isMoving) ?? false)
  const [arrived, setArrived] = useState(false)
  useEffect(() => {
    if (busy) watched.current = true
    setArrived(watched.current && !busy)
  }, [busy])
  const ready = files?.filter(({ status }) => status === 'FILE_STATUS_READY').length ?? 0
  if (!arrived || ready === 0) return null
  return (
    <div
      role="status"
      data-slot="next-step"
      className="bg-ai-soft flex flex-wrap items-center justify-between gap-3 rounded-xl px-4 py-3"
    >
      <div>
        <p className="font-semibold">{t('next.title', { count: ready })}</p>
        <p className="text-sm">{t('next.text')}</p>
      </div>
      <Link
        to="/assistants/$id/test"
        params={{ id: assistantId }}
        className={buttonVariants({ variant: 'primary' })}
      >
        <MessageCircleQuestionMark aria-hidden />
        {t('next.action')}
      </Link>
    </div>
  )
}

function SearchBox({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useTranslation('knowledge')
  return (
    <div role="search" className="relative w-full sm:w-80">
      <Search
        aria-hidden
        className="text-ink-2 pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2"
      />
      <Input
        type="search"
        aria-label={t('list.search')}
        placeholder={t('list.search')}
        value={value}
        maxLength={200}
        className="pl-9"
        onChange={(event) => onChange(event.target.value)}
      />
    </div>
  )
}

interface NothingProps {
  searched: boolean
  uploading: boolean
  onReset: () => void
}

function Nothing({ searched, uploading, onReset }: NothingProps) {
  const { t } = useTranslation('knowledge')
  const mayWrite = useMay('knowledge.write')
  if (searched)
    return <Empty title={t('list.nothing')} action={<Button onClick={onReset}>{t('list.showAll')}</Button>} />
  if (uploading) return null
  return <Empty title={t('list.empty')} hint={t(mayWrite ? 'list.emptyHint' : 'list.emptyRead')} />
}

interface MoreProps {
  failed: boolean
  loading: boolean
  onMore: () => void
}

function More({ failed, loading, onMore }: MoreProps) {
  const { t } = useTranslation('knowledge')
  return (
    <div className="flex flex-col items-center gap-2">
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

function RowSkeletons() {
  const { t } = useTranslation('common')
  return (
    <div aria-busy className="border-line bg-surface divide-line flex flex-col divide-y rounded-xl border">
      <span role="status" className="sr-only">
        {t('loading')}
      </span>
      {Array.from({ length: 4 }, (_, n) => (
        <div key={n} className="flex items-center gap-3 px-4 py-3">
          <Skeleton className="size-5" />
          <div className="flex flex-1 flex-col gap-2">
            <Skeleton className="h-4 w-1/3" />
            <Skeleton className="h-3 w-1/4" />
          </div>
          <Skeleton className="h-5 w-16" />
        </div>
      ))}
    </div>
  )
}
