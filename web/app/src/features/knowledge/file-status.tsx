import { Badge, Spinner } from '@neipix/ui'
import { CircleAlert, CircleCheck, CircleOff, Clock } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { KnowledgeFile } from './queries'

/** Where a file stands, in a word. */
export function FileStatus({ file }: { file: KnowledgeFile }) {
  const { t } = useTranslation('knowledge')
  const { status, disabled, queuePosition } = file
  const word = t(`status.${status}`)
  switch (status) {
    case 'FILE_STATUS_READY':
      return disabled ? (
        <Badge icon={<CircleOff aria-hidden />}>{t('status.disabled')}</Badge>
      ) : (
        <Badge tone="ok" icon={<CircleCheck aria-hidden />}>
          {word}
        </Badge>
      )
    case 'FILE_STATUS_FAILED':
      return (
        <Badge tone="danger" icon={<CircleAlert aria-hidden />}>
          {word}
        </Badge>
      )
    case 'FILE_STATUS_QUEUED':
      return (
        <Badge icon={<Clock aria-hidden />}>
          {queuePosition > 0 ? t('status.place', { place: queuePosition }) : word}
        </Badge>
      )
    default:
      return <Badge icon={<Spinner />}>{word}</Badge>
  }
}
