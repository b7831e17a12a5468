import { Button, IconButton, Progress } from '@neipix/ui'
import { FileUp, X } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { formatBytes } from './bytes'
import { useReasonText } from './problem'
import type { Upload, Uploads } from './uploads'

/** Files on their way, each with its progress. */
export function UploadRows({ uploads, queue }: { uploads: readonly Upload[]; queue: Uploads }) {
  const { t } = useTranslation('knowledge')
  if (uploads.length === 0) return null
  return (
    <ul
      aria-label={t('uploads.label')}
      className="border-line bg-surface divide-line flex flex-col divide-y rounded-xl border"
    >
      {uploads.map((upload) => (
        <li key={upload.id} data-state={upload.state} className="flex items-center gap-3 px-4 py-3">
          <FileUp aria-hidden className="text-ink-2 size-5 shrink-0" />
          <div className="min-w-0 flex-1">
            <p className="truncate font-medium">{upload.name}</p>
            {upload.state === 'failed' ? <Failure upload={upload} queue={queue} /> : <Way upload={upload} />}
          </div>
          <IconButton
            size="sm"
            aria-label={t(upload.state === 'failed' ? 'uploads.remove' : 'uploads.cancel', {
              name: upload.name,
            })}
            onClick={() => queue.cancel(upload.id)}
          >
            <X aria-hidden />
          </IconButton>
        </li>
      ))}
    </ul>
  )
}

function Way({ upload }: { upload: Upload }) {
  const { t, i18n } = useTranslation('knowledge')
  const { state, sent, size } = upload
  if (state === 'waiting' || state === 'failed')
    return <p className="text-ink-2 text-sm">{t('uploads.waiting')}</p>
  const sizes = t('uploads.of', {
    sent: formatBytes(sent, i18n.language),
    size: formatBytes(size, i18n.language),
  })
  return (
    <Progress
      label={t(`uploads.${state}`)}
      value={state === 'confirming' ? null : sent}
      max={size}
      valueText={sizes}
      className="pt-0.5"
    />
  )
}

function Failure({ upload, queue }: { upload: Upload; queue: Uploads }) {
  const { t } = useTranslation('knowledge')
  const reasonText = useReasonText()
  return (
    <div role="alert" className="flex flex-wrap items-center gap-x-3 gap-y-1 text-sm">
      <span className="text-danger">{reasonText(upload.reason ?? 'INTERNAL')}</span>
      <Button variant="link" size="sm" onClick={() => queue.retry(upload.id)}>
        {t('uploads.retry')}
      </Button>
    </div>
  )
}
