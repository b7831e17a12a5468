import {
  buttonVariants,
  formatPix,
  formatRelative,
  PageHeader,
  Skeleton,
  Stat,
  StatGroup,
  useLocale,
  useNow,
} from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { numbers } from '@app/shared/numbers'
import { useMay, useMe } from '@app/shared/session'
import { WAITING_MOST, waitingQuery } from '@app/shared/waiting'
import { EventsCard } from './events-card'
import { forecastQuery, onShiftQuery, walletQuery } from './queries'
import { ShiftCard } from './shift-card'
import { WaitingCard } from './waiting-card'

/** The first screen: money and who needs a person first, then the team and what happened. */
export function Overview() {
  const { t } = useTranslation('overview')
  const me = useMe()
  const create = useMay('assistants.write') ? (
    <Link to="/assistants/new" className={buttonVariants({ variant: 'primary' })}>
      <Plus aria-hidden />
      {t('create')}
    </Link>
  ) : null
  const first = me?.user?.name.trim().split(/\s+/)[0] ?? ''
  return (
    <>
      <PageHeader title={t('greeting', { name: first })} hint={me?.workspace?.name} actions={create} />
      <Numbers />
      <div className="grid gap-5 pt-6 lg:grid-cols-[3fr_2fr]">
        <div className="flex min-w-0 flex-col gap-5">
          {useMay('chats.read') ? <WaitingCard /> : null}
          {useMay('audit.read') ? <EventsCard /> : null}
        </div>
        <ShiftCard />
      </div>
    </>
  )
}

function Numbers() {
  const money = useMay('billing.read')
  return (
    <StatGroup className={numbers}>
      {money ? <BalanceStat /> : null}
      {money ? <SpentStat /> : null}
      <WaitingStat />
      <ShiftStat />
    </StatGroup>
  )
}

/* A number that has not come keeps its place; one that does not come is a dash: the cards below tell why. */
function Value({ loading, children }: { loading: boolean; children: ReactNode }) {
  return loading ? <Skeleton className="my-1 h-6 w-28" /> : (children ?? '—')
}

function BalanceStat() {
  const { t } = useTranslation('overview')
  const locale = useLocale()
  const { data, isPending } = useQuery(walletQuery())
  const { data: outlook } = useQuery(forecastQuery(useMe()))
  const value = data ? <Link to="/wallet">{formatPix(data.availableMicroPix, locale)}</Link> : null
  return (
    <Stat
      label={t('balance')}
      value={<Value loading={isPending}>{value}</Value>}
      note={
        <Enough days={outlook?.days} empty={data?.availableMicroPix === '0'} known={outlook !== undefined} />
      }
    />
  )
}

function Enough({ days, empty, known }: { days: number | undefined; empty: boolean; known: boolean }) {
  const { t } = useTranslation('overview')
  if (empty) return <span className="text-danger font-medium">{t('empty')}</span>
  if (!known) return <Skeleton className="my-0.5 h-4 w-36" />
  if (days === undefined) return t('noSpend')
  if (days > 365) return t('enoughLong')
  if (days <= 3) return <span className="text-danger font-medium">{t('enough', { count: days })}</span>
  return t('enough', { count: days })
}

function SpentStat() {
  const { t } = useTranslation('overview')
  const locale = useLocale()
  const { data, isPending } = useQuery(forecastQuery(useMe()))
  const value = data ? formatPix(String(data.spent), locale) : null
  const note =
    data && data.perDay > 0n ? t('perDay', { amount: formatPix(String(data.perDay), locale) }) : t('noSpend')
  return (
    <Stat
      label={t('spentWeek')}
      value={<Value loading={isPending}>{value}</Value>}
      note={isPending ? <Skeleton className="my-0.5 h-4 w-32" /> : note}
    />
  )
}

function WaitingStat() {
  const { t } = useTranslation('overview')
  const { data, isPending } = useQuery({ ...waitingQuery(), enabled: useMay('chats.read') })
  const rows = data?.conversations
  const oldest = rows?.map((row) => row.updateTime ?? '').sort()[0]
  return (
    <Stat
      tone="human"
      label={t('waiting.stat')}
      value={
        <Value loading={isPending}>
          {rows ? (data.nextPageToken ? `${WAITING_MOST}+` : rows.length) : null}
        </Value>
      }
      note={oldest ? <Longest since={oldest} /> : rows ? t('waiting.calm') : null}
    />
  )
}

function Longest({ since }: { since: string }) {
  const { t } = useTranslation('overview')
  const locale = useLocale()
  const now = useNow()
  return t('waiting.longest', { when: formatRelative(new Date(since), new Date(now), locale) })
}

function ShiftStat() {
  const { t } = useTranslation('overview')
  const { data, isPending } = useQuery(onShiftQuery())
  const count = data?.assistants.length
  return (
    <Stat
      tone="ai"
      label={t('shift.stat')}
      value={
        <Value loading={isPending}>
          {count === undefined ? null : data?.nextPageToken ? `${count}+` : count}
        </Value>
      }
      note={count === undefined ? null : t(count === 0 ? 'shift.statNone' : 'shift.statSome')}
    />
  )
}
