import type { Schemas } from '@neipix/api'
import { Button, CopyField, Money, Sheet, SheetContent, Skeleton, Time, useLocale } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { kindOf } from './filters'
import { transferQuery } from './queries'
import type { ru } from './texts.ru'

export interface TransferSheetProps {
  id: string
  onClose: () => void
  /** Shows all operations of that answer. */
  onTurn: (turn: string) => void
}

/** One operation beside the statement: what it cost and why. */
export default function TransferSheet({ id, onClose, onTurn }: TransferSheetProps) {
  const { t } = useTranslation(['wallet', 'common'])
  return (
    <Sheet open onOpenChange={(open) => (open ? undefined : onClose())}>
      <SheetContent title={t('transfer.title')} closeLabel={t('common:close')}>
        <Loaded id={id} onTurn={onTurn} />
      </SheetContent>
    </Sheet>
  )
}

function Loaded({ id, onTurn }: { id: string; onTurn: TransferSheetProps['onTurn'] }) {
  const { data, error, refetch } = useQuery(transferQuery(id))
  if (data) return <Details transfer={data} onTurn={onTurn} />
  if (error) return <Trouble error={error} onRetry={() => void refetch()} />
  return (
    <div aria-hidden className="flex flex-col gap-3">
      <Skeleton className="h-8 w-40" />
      <Skeleton className="h-4 w-56" />
      <Skeleton className="h-24" />
    </div>
  )
}

function Details({ transfer, onTurn }: { transfer: Schemas['Transfer']; onTurn: (turn: string) => void }) {
  const { t } = useTranslation(['wallet', 'common'])
  const { id, kind, turnId, amountMicroPix, charge, postings, createTime } = transfer
  return (
    <div className="flex flex-col gap-5">
      <div>
        <p className="text-ink-2 text-sm">{t(`kinds.${kindOf(kind)}`)}</p>
        <p className="text-2xl font-semibold tracking-tight">
          <Money microPix={amountMicroPix} priceMicroRub={null} signed />
        </p>
        {createTime ? <Time value={createTime} show="full" className="text-ink-2 text-sm" /> : null}
      </div>
      {charge ? <ChargeLines charge={charge} /> : null}
      {postings.length > 0 ? (
        <Lines title={t('transfer.postings')}>
          {postings.map(({ account, amountMicroPix: gained }, n) => (
            <Line key={n} label={t(`transfer.accounts.${accountOf(account)}`)}>
              <Money microPix={gained} priceMicroRub={null} signed digits={6} />
            </Line>
          ))}
        </Lines>
      ) : null}
      <CopyField
        label={t('transfer.id')}
        value={id}
        labels={{ copy: t('common:copy'), copied: t('common:copied'), failed: t('common:copyFailed') }}
      />
      {turnId ? (
        <Button className="self-start" onClick={() => onTurn(turnId)}>
          {t('transfer.turn')}
        </Button>
      ) : null}
    </div>
  )
}

function ChargeLines({ charge }: { charge: Schemas['Charge'] }) {
  const { t } = useTranslation('wallet')
  const number = new Intl.NumberFormat(useLocale())
  const count = (tokens: string) => number.format(BigInt(tokens))
  return (
    <Lines title={t('transfer.counted')}>
      <Line label={t('transfer.cost')}>
        <Money microPix={charge.costMicroPix} priceMicroRub={null} digits={6} />
      </Line>
      {charge.aboveHoldMicroPix === '0' ? null : (
        <Line label={t('transfer.above')}>
          <Money microPix={charge.aboveHoldMicroPix} priceMicroRub={null} digits={6} />
        </Line>
      )}
      {charge.attempts.map((attempt) => (
        <Line key={attempt.attemptId} label={attempt.model}>
          {t('transfer.tokensOf', {
            input: count(attempt.inputTokens),
            cached: count(attempt.cachedInputTokens),
            output: count(attempt.outputTokens),
          })}
        </Line>
      ))}
    </Lines>
  )
}

function Lines({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-1">
      <h3 className="text-ink-2 text-xs font-medium">{title}</h3>
      <dl className="divide-line flex flex-col divide-y text-sm">{children}</dl>
    </section>
  )
}

function Line({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div className="flex flex-wrap justify-between gap-x-4 py-1.5">
      <dt>{label}</dt>
      <dd className="text-right">{children}</dd>
    </div>
  )
}

type AccountWord = keyof typeof ru.transfer.accounts

const ACCOUNTS: Partial<Record<Schemas['Account'], AccountWord>> = {
  ACCOUNT_PURCHASED: 'purchased',
  ACCOUNT_PLAN: 'plan',
  ACCOUNT_BONUS: 'bonus',
  ACCOUNT_HELD: 'held',
  ACCOUNT_REVENUE: 'revenue',
  ACCOUNT_FUNDING: 'funding',
  ACCOUNT_ADJUSTMENT: 'adjustment',
}

function accountOf(account: Schemas['Account'] | undefined): AccountWord {
  return (account && ACCOUNTS[account]) ?? 'other'
}
