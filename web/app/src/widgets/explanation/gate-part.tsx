import { Badge, Money, Time, cleanText } from '@neipix/ui'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Explanation } from './kinds'

type Decision = Explanation['gate'][number]

const TONES = {
  GATE_OUTCOME_UNSPECIFIED: 'neutral',
  GATE_OUTCOME_ABSENT: 'neutral',
  GATE_OUTCOME_PASSED: 'ok',
  GATE_OUTCOME_SILENCED: 'danger',
  GATE_OUTCOME_WOULD_SILENCE: 'warn',
} as const

/** What was looked at before an answer, in its order. */
export function GatePart({ gate }: { readonly gate: readonly Decision[] }) {
  const { t } = useTranslation('explanation')
  const known = gate.filter(({ rule }) => rule !== 'GATE_RULE_UNSPECIFIED')
  if (known.length === 0) return <p className="text-ink-2">{t('gate.none')}</p>
  return (
    <ol className="border-line divide-line flex flex-col divide-y rounded-lg border">
      {known.map((decision, n) => (
        <li key={n} className="flex flex-col gap-0.5 px-3 py-2">
          <div className="flex flex-wrap items-center justify-between gap-2">
            <span className="font-medium">{ruleName(decision, t)}</span>
            <Outcome decision={decision} />
          </div>
          <Looked decision={decision} />
        </li>
      ))}
    </ol>
  )
}

type Say = ReturnType<typeof useTranslation<'explanation'>>['t']

function ruleName({ rule }: Decision, t: Say): string {
  return rule === 'GATE_RULE_UNSPECIFIED' ? '' : t(`gate.rules.${rule}`)
}

function Outcome({ decision: { outcome } }: { readonly decision: Decision }) {
  const { t } = useTranslation('explanation')
  if (outcome === 'GATE_OUTCOME_UNSPECIFIED') return null
  return <Badge tone={TONES[outcome]}>{t(`gate.outcomes.${outcome}`)}</Badge>
}

function Looked({ decision }: { readonly decision: Decision }) {
  const { handler, assistant, schedule, stopWord, balance } = decision
  if (handler) return <HandlerLook look={handler} />
  if (assistant) return <AssistantLook look={assistant} />
  if (schedule) return <ScheduleLook look={schedule} />
  if (stopWord) return <StopWordLook look={stopWord} />
  if (balance) return <BalanceLook look={balance} />
  return null
}

function Line({ children }: { readonly children: ReactNode }) {
  return <p className="text-ink-2 flex flex-wrap gap-x-2 break-words">{children}</p>
}

function HandlerLook({ look }: { readonly look: NonNullable<Decision['handler']> }) {
  const { t } = useTranslation('explanation')
  if (look.holder === 'DIALOGUE_HOLDER_UNSPECIFIED') return null
  return (
    <Line>
      {t(`gate.holder.${look.holder}`)}
      {look.since && <Time value={look.since} show="full" />}
    </Line>
  )
}

function AssistantLook({ look }: { readonly look: NonNullable<Decision['assistant']> }) {
  const { t } = useTranslation('explanation')
  return (
    <Line>{look.version > 0 ? t('gate.version', { version: look.version }) : t('gate.unpublished')}</Line>
  )
}

function ScheduleLook({ look }: { readonly look: NonNullable<Decision['schedule']> }) {
  const { t, i18n } = useTranslation('explanation')
  const zone = look.timeZone
  if (!zone) return null
  const time =
    look.closedSince &&
    new Intl.DateTimeFormat(i18n.language, { dateStyle: 'short', timeStyle: 'short', timeZone: zone }).format(
      new Date(look.closedSince),
    )
  return (
    <Line>
      {time ? t('gate.closedSince', { time, zone }) : t('gate.open', { zone })}
      {look.awayMessageSaid && <span>{t('gate.awayMessage')}</span>}
    </Line>
  )
}

function StopWordLook({ look }: { readonly look: NonNullable<Decision['stopWord']> }) {
  const { t } = useTranslation('explanation')
  if (look.pattern) return <Line>{t('gate.stopWord', { pattern: cleanText(look.pattern) })}</Line>
  return look.count > 0 ? <Line>{t('gate.stopWords', { count: look.count })}</Line> : null
}

function BalanceLook({ look }: { readonly look: NonNullable<Decision['balance']> }) {
  const { t } = useTranslation('explanation')
  const amounts = [
    ['gate.needed', look.neededMicroPix],
    ['gate.available', look.missingMicroPix === '0' ? '0' : look.availableMicroPix],
    ['gate.lacking', look.missingMicroPix],
  ] as const
  return (
    <Line>
      {amounts.map(([key, amount]) =>
        amount === '0' ? null : (
          <span key={key} className="inline-flex gap-1">
            {t(key)} <Money microPix={amount} priceMicroRub={null} />
          </span>
        ),
      )}
      {look.fromAllowance && <span>{t('gate.allowance')}</span>}
      {look.unpricedModels.length > 0 && (
        <span>{t('gate.unpriced', { models: look.unpricedModels.join(', ') })}</span>
      )}
    </Line>
  )
}
