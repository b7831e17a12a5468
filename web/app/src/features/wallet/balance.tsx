import { formatPix, Skeleton, Stat, StatGroup, useLocale } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { numbers } from '@app/shared/numbers'
import { Trouble } from '@app/shared/trouble'
import { walletQuery } from './queries'

/** What can be spent, in the order in which it is spent. */
export function Balance() {
  const { t } = useTranslation('wallet')
  const locale = useLocale()
  const { data, error, refetch } = useQuery(walletQuery())
  if (error && !data) return <Trouble error={error} onRetry={() => void refetch()} className="min-h-32" />
  const amount = (microPix: string | undefined) =>
    microPix === undefined ? <Skeleton className="my-1 h-6 w-24" /> : formatPix(microPix, locale)
  return (
    <StatGroup className={numbers}>
      <Stat tone="ai" label={t('available')} value={amount(data?.availableMicroPix)} />
      <Stat label={t('bonus')} value={amount(data?.bonusMicroPix)} note={t('bonusNote')} />
      <Stat label={t('plan')} value={amount(data?.planMicroPix)} note={t('planNote')} />
      <Stat label={t('purchased')} value={amount(data?.purchasedMicroPix)} note={t('purchasedNote')} />
      <Stat label={t('held')} value={amount(data?.heldMicroPix)} note={t('heldNote')} />
    </StatGroup>
  )
}
