import { ErrorState, NoAccess } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { isForbidden, problemText, traceOf } from './problems'

export interface TroubleProps {
  error: unknown
  onRetry: () => void
  retrying?: boolean
  className?: string
}

/** What stands in place of something that did not load: no access, or what failed with another try. */
export function Trouble({ error, onRetry, retrying = false, className }: TroubleProps) {
  const { t } = useTranslation('common')
  if (isForbidden(error)) {
    return <NoAccess title={t('noAccess.title')} hint={t('noAccess.hint')} className={className} />
  }
  const id = traceOf(error)
  const copy = { copy: t('copy'), copied: t('copied'), failed: t('copyFailed') }
  return (
    <ErrorState
      title={t('failed.title')}
      hint={problemText(error)}
      retryLabel={t('retry')}
      onRetry={onRetry}
      retrying={retrying}
      {...(id ? { trace: { id, label: t('trace'), copy } } : {})}
      className={className}
    />
  )
}
