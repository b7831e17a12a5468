import { Button, Confirm, formatPix, Progress, Segmented, useLocale } from '@neipix/ui'
import type { Schemas } from '@neipix/api'
import { Eraser } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useReasonText } from './problem'
import { useReset } from './queries'

export interface TestSideProps {
  assistantId: string
  /** 0 = the draft. */
  version: number
  onVersion: (version: number) => void
  /** 0 = none. */
  publishedVersion: number
  listing: Schemas['ListSimulatedTurnsResponse']
}

/** Whom to ask, what is left for free, and how to begin anew. */
export function TestSide({ assistantId, version, onVersion, publishedVersion, listing }: TestSideProps) {
  const { t } = useTranslation('testing')
  const segments = [
    { value: '0', label: t('draft') },
    ...(publishedVersion > 0
      ? [{ value: String(publishedVersion), label: t('version', { number: publishedVersion }) }]
      : []),
  ]
  return (
    <aside aria-label={t('side')} className="flex flex-col gap-4 lg:w-64 lg:shrink-0 lg:gap-5">
      <div className="flex flex-col gap-1.5">
        <p aria-hidden className="text-sm font-medium">
          {t('whom')}
        </p>
        <Segmented
          aria-label={t('whom')}
          segments={segments}
          value={String(version)}
          onValueChange={(value) => onVersion(Number(value))}
          className="self-start"
        />
      </div>
      <div className="grid grid-cols-2 gap-x-5 gap-y-4 lg:grid-cols-1">
        {listing.allowance ? <Allowance allowance={listing.allowance} /> : null}
        <Progress
          label={t('turns')}
          value={listing.turns.length}
          max={Math.max(listing.turnsMax, 1)}
          valueText={t('turnsOf', { count: listing.turns.length, max: listing.turnsMax })}
        />
      </div>
      <Reset assistantId={assistantId} disabled={listing.turns.length === 0} />
    </aside>
  )
}

function Allowance({ allowance }: { allowance: Schemas['SimulationAllowance'] }) {
  const { t } = useTranslation('testing')
  const locale = useLocale()
  const { leftMicroPix, dailyMicroPix } = allowance
  if (dailyMicroPix === '0') return null
  // Thousandths are enough for a bar; the amounts stay exact.
  const part = Number((BigInt(leftMicroPix) * 1000n) / BigInt(dailyMicroPix))
  const left = formatPix(leftMicroPix, locale)
  const daily = formatPix(dailyMicroPix, locale)
  return (
    <div className="flex flex-col gap-1.5">
      <Progress
        label={t('allowance')}
        value={part}
        max={1000}
        valueText={t('allowanceLeft', { left, daily })}
        className="[&>div:first-child]:flex-col [&>div:first-child]:gap-0"
      />
      {leftMicroPix === '0' ? <p className="text-ink-2 text-xs">{t('allowanceSpent')}</p> : null}
    </div>
  )
}

function Reset({ assistantId, disabled }: { assistantId: string; disabled: boolean }) {
  const { t } = useTranslation('testing')
  const [open, setOpen] = useState(false)
  const reset = useReset(assistantId)
  const reasonText = useReasonText()
  return (
    <div>
      <Button disabled={disabled} onClick={() => setOpen(true)}>
        <Eraser aria-hidden />
        {t('reset')}
      </Button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        tone="primary"
        title={t('resetTitle')}
        description={t('resetText')}
        confirmLabel={t('reset')}
        cancelLabel={t('cancel', { ns: 'common' })}
        pending={reset.isPending}
        error={reset.isError ? reasonText(reset.error) : undefined}
        onConfirm={() => reset.mutate(undefined, { onSuccess: () => setOpen(false) })}
      />
    </div>
  )
}
