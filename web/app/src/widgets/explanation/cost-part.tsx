import { CopyField, Money } from '@neipix/ui'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Explanation } from './kinds'

/** Version, tokens and money of a turn. */
export function CostPart({ explanation }: { readonly explanation: Explanation }) {
  const { t } = useTranslation('explanation')
  const { version, usage, promptHash, turnId } = explanation
  const labels = t('cost.copy', { returnObjects: true })
  return (
    <>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1">
        <Row name={t('cost.version')}>{version > 0 ? String(version) : t('cost.draft')}</Row>
        {usage && (
          <>
            <Row name={t('cost.input')}>{t('cost.tokens', { count: tokens(usage.inputTokens) })}</Row>
            {usage.cachedInputTokens !== '0' && (
              <Row name={t('cost.cached')}>
                {t('cost.tokens', { count: tokens(usage.cachedInputTokens) })}
              </Row>
            )}
            <Row name={t('cost.output')}>{t('cost.tokens', { count: tokens(usage.outputTokens) })}</Row>
          </>
        )}
        <Row name={t('cost.charged')}>
          <Money microPix={explanation.costMicroPix} priceMicroRub={null} />
        </Row>
        {explanation.allowanceMicroPix !== '0' && (
          <Row name={t('cost.allowance')}>
            <Money microPix={explanation.allowanceMicroPix} priceMicroRub={null} />
          </Row>
        )}
        {explanation.heldMicroPix !== '0' && (
          <Row name={t('cost.held')}>
            <Money microPix={explanation.heldMicroPix} priceMicroRub={null} />
          </Row>
        )}
      </dl>
      {promptHash !== '' && <Id name={t('cost.prompt')} value={promptHash} labels={labels} />}
      {turnId !== '' && <Id name={t('cost.turn')} value={turnId} labels={labels} />}
    </>
  )
}

// Tokens of one turn, far below 2^53; amounts of money never go through a number.
function tokens(count: string): number {
  return Number(count)
}

function Row({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt className="text-ink-2">{name}</dt>
      <dd className="text-end">{children}</dd>
    </>
  )
}

function Id(props: {
  name: string
  value: string
  labels: { copy: string; copied: string; failed: string }
}) {
  return <CopyField value={props.value} label={props.name} labels={props.labels} />
}
