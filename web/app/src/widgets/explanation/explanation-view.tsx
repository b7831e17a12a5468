import { Badge, CopyField, buttonVariants, cleanText } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { ArrowRight } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { CostPart } from './cost-part'
import { AttemptsPart } from './attempts-part'
import { GatePart } from './gate-part'
import { isReason, type Explanation } from './kinds'
import { PassagesPart } from './passages-part'
import { targetOf } from './target'

export interface ExplanationViewProps {
  readonly explanation: Explanation
  /** The person follows a link of it: the panel that holds it should close. */
  readonly onFollow?: (() => void) | undefined
}

/** Why a turn was answered the way it was, or not at all. */
export function ExplanationView({ explanation, onFollow }: ExplanationViewProps) {
  const { t } = useTranslation('explanation')
  return (
    <div data-slot="explanation" className="flex flex-col gap-5 text-sm">
      <Verdict explanation={explanation} onFollow={onFollow} />
      {explanation.recorded ? (
        <>
          <Part title={t('gate.title')}>
            <GatePart gate={explanation.gate} />
          </Part>
          <Part title={t('passages.title')}>
            <PassagesPart
              passages={explanation.passages}
              assistantId={explanation.assistantId}
              onFollow={onFollow}
            />
          </Part>
        </>
      ) : explanation.endTime ? (
        <p className="text-ink-2">{t('unrecorded')}</p>
      ) : null}
      <Part title={t('attempts.title')}>
        <AttemptsPart attempts={explanation.attempts} finish={explanation.finish} />
      </Part>
      <Part title={t('cost.title')}>
        <CostPart explanation={explanation} />
      </Part>
    </div>
  )
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <section aria-label={title} className="flex flex-col gap-2">
      <h3 className="text-base font-semibold">{title}</h3>
      {children}
    </section>
  )
}

function Verdict({ explanation, onFollow }: ExplanationViewProps) {
  const { t, i18n } = useTranslation('explanation')
  const { reason, endTime, handoff } = explanation
  if (reason !== 'SILENCE_REASON_UNSPECIFIED') {
    // A newer server may have reasons that this page has no words for; it sends its own.
    const known = isReason(reason)
    const own = i18n.language === 'en' ? explanation.reasonEn : explanation.reasonRu
    return (
      <div className="bg-sunken flex flex-col items-start gap-2 rounded-lg p-3">
        <p className="text-base font-semibold">{known ? t(`reasons.${reason}.title`) : own}</p>
        {known && <p>{t(`reasons.${reason}.text`)}</p>}
        {isHandoff(handoff) && <Badge tone="human">{t(`handoff.${handoff}`)}</Badge>}
        <Open explanation={explanation} onFollow={onFollow} />
      </div>
    )
  }
  return (
    <div className="bg-sunken flex flex-col items-start gap-2 rounded-lg p-3">
      <p className="text-base font-semibold">{endTime ? t('answered') : t('running')}</p>
      <p>{endTime ? t('answeredText') : t('runningText')}</p>
    </div>
  )
}

const HANDOFFS = ['customer_asked', 'low_confidence', 'providers_failed', 'filtered'] as const

function isHandoff(text: string): text is (typeof HANDOFFS)[number] {
  return HANDOFFS.some((one) => one === text)
}

/** The way to what the silence comes from. */
function Open({ explanation, onFollow }: ExplanationViewProps) {
  const { t } = useTranslation('explanation')
  const { cause } = explanation
  const target = cause && targetOf(cause, explanation)
  if (!cause || cause.kind === 'CAUSE_KIND_UNSPECIFIED' || !target) return null
  const label = t(`open.${cause.kind}`)
  if ('copy' in target)
    return (
      <div className="w-full">
        <CopyField value={target.copy} label={label} labels={t('cost.copy', { returnObjects: true })} />
      </div>
    )
  return (
    <Link
      {...target.link}
      className={buttonVariants({ variant: 'primary', size: 'sm' })}
      onClick={() => onFollow?.()}
    >
      {cleanText(label)}
      <ArrowRight aria-hidden />
    </Link>
  )
}
