import { Badge, cleanText } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import type { Explanation } from './kinds'

export interface AttemptsPartProps {
  readonly attempts: Explanation['attempts']
  readonly finish: Explanation['finish']
}

/** Tries at providers, in their order, and how it ended. */
export function AttemptsPart({ attempts, finish }: AttemptsPartProps) {
  const { t } = useTranslation('explanation')
  if (attempts.length === 0) return <p className="text-ink-2">{t('attempts.none')}</p>
  return (
    <ol className="border-line divide-line flex flex-col divide-y rounded-lg border">
      {attempts.map((attempt, n) => (
        <li key={attempt.id} className="flex flex-col gap-0.5 px-3 py-2">
          <div className="flex flex-wrap items-center justify-between gap-2">
            <span className="min-w-0 font-medium break-words">
              {cleanText(attempt.provider)} ·{' '}
              {attempt.model ? cleanText(attempt.model) : t('attempts.builtIn')}
            </span>
            <Badge tone={attempt.error ? 'danger' : attempt.charged ? 'ai' : 'neutral'}>
              {attempt.error
                ? t('attempts.failed', { error: cleanText(attempt.error) })
                : attempt.charged
                  ? t('attempts.charged')
                  : t('attempts.free')}
            </Badge>
          </div>
          <p className="text-ink-2 text-xs">
            {[
              attempt.firstTokenMs > 0 ? t('attempts.firstToken', { ms: attempt.firstTokenMs }) : '',
              attempt.totalMs > 0 ? t('attempts.total', { ms: attempt.totalMs }) : '',
              n === attempts.length - 1 && finish !== 'FINISH_KIND_UNSPECIFIED' ? t(`finish.${finish}`) : '',
            ]
              .filter((text) => text !== '')
              .join(' · ')}
          </p>
        </li>
      ))}
    </ol>
  )
}
