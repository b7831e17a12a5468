import { Button, Empty, Sheet, SheetContent, SkeletonText } from '@neipix/ui'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { fileQuery, fileText } from './queries'

export interface FilePreviewProps {
  assistantId: string
  /** The file to show; `undefined` = closed. */
  fileId: string | undefined
  onClose: () => void
}

/** The text of a file as the assistant reads it. */
export function FilePreview({ assistantId, fileId, onClose }: FilePreviewProps) {
  // The text stays while the panel moves away.
  const [shown, setShown] = useState(fileId)
  if (fileId !== undefined && fileId !== shown) setShown(fileId)
  return (
    <Sheet
      open={fileId !== undefined}
      onOpenChange={(open) => {
        if (!open) onClose()
      }}
    >
      {shown ? <Panel key={shown} assistantId={assistantId} fileId={shown} /> : null}
    </Sheet>
  )
}

function Panel({ assistantId, fileId }: { assistantId: string; fileId: string }) {
  const { t } = useTranslation('knowledge')
  const file = useQuery(fileQuery(assistantId, fileId))
  return (
    <SheetContent
      title={<span className="break-words">{file.data?.name ?? t('list.preview')}</span>}
      description={t('preview.hint')}
      closeLabel={t('close', { ns: 'common' })}
      className="sm:w-[min(40rem,100vw)]"
    >
      <Text assistantId={assistantId} fileId={fileId} />
    </SheetContent>
  )
}

function Text({ assistantId, fileId }: { assistantId: string; fileId: string }) {
  const { t } = useTranslation('knowledge')
  const text = useInfiniteQuery(fileText(assistantId, fileId))
  if (text.isPending) {
    return (
      <div role="status" aria-label={t('loading', { ns: 'common' })}>
        <SkeletonText lines={12} />
      </div>
    )
  }
  if (!text.data)
    return <Trouble error={text.error} onRetry={() => void text.refetch()} retrying={text.isFetching} />
  const passages = text.data.pages.flatMap((page) => page.passages)
  if (passages.length === 0) return <Empty title={t('preview.empty')} hint={t('preview.emptyHint')} />
  return (
    <>
      {passages.map((passage, index) => {
        const before = passages[index - 1]
        const headings = passage.headings.join(' › ')
        return (
          <section key={passage.id} className="pb-3">
            {passage.page !== before?.page ? (
              <p className="text-ink-2 border-line mb-2 border-b pt-2 pb-1 text-xs">
                {t('preview.page', { page: passage.page })}
              </p>
            ) : null}
            {headings && headings !== before?.headings.join(' › ') ? (
              <h3 className="pb-1 text-sm font-semibold">{headings}</h3>
            ) : null}
            <p dir="auto" className="text-sm break-words whitespace-pre-wrap">
              {passage.text}
            </p>
          </section>
        )
      })}
      {text.hasNextPage ? (
        <Button loading={text.isFetchingNextPage} onClick={() => void text.fetchNextPage()}>
          {t('preview.more')}
        </Button>
      ) : null}
    </>
  )
}
