import type { Me, Schemas } from '@neipix/api'
import { queryOptions } from '@tanstack/react-query'
import { api } from '@app/shared/api'
import { forecast, PERIOD_DAYS, type Forecast } from './forecast'

export const walletQuery = () => api.query.queryOptions('get', '/api/v1/billing/wallet')

/** Assistants that answer now; six fit the screen. */
export const onShiftQuery = () =>
  api.query.queryOptions('get', '/api/v1/assistants', {
    params: { query: { status: 'ASSISTANT_STATUS_PUBLISHED', orderBy: 'name', pageSize: 6 } },
  })

/** What was done last in the company. */
export const eventsQuery = () =>
  api.query.queryOptions('get', '/api/v1/audit', { params: { query: { pageSize: 8 } } })

const INCOME: readonly Schemas['TransferKind'][] = [
  'TRANSFER_KIND_GRANT',
  'TRANSFER_KIND_CREDIT',
  'TRANSFER_KIND_REFUND',
  'TRANSFER_KIND_ADJUSTMENT',
]

const DAY = 24 * 60 * 60 * 1000

/** How long the balance lasts, by what the ledger says of the last seven days. */
export const forecastQuery = (me: Me | undefined) =>
  queryOptions({
    queryKey: ['forecast'],
    staleTime: 5 * 60_000,
    queryFn: async ({ signal }): Promise<Forecast> => {
      const from = new Date(Date.now() - PERIOD_DAYS * DAY)
      const [wallet, before, ...incomes] = await Promise.all([
        api.http.GET('/api/v1/billing/wallet', { signal }),
        balanceAt(from, signal),
        ...INCOME.map((kind) => gained(kind, from, signal)),
      ])
      const { availableMicroPix, heldMicroPix, spentMicroPix } = wallet.data!
      const available = BigInt(availableMicroPix)
      return forecast(
        {
          now: available + BigInt(heldMicroPix),
          before,
          income: incomes.reduce((sum, income) => sum + income, 0n),
          spentInAll: BigInt(spentMicroPix),
          age: Date.now() - new Date(me?.user?.createTime ?? from).getTime(),
        },
        available,
      )
    },
  })

async function balanceAt(moment: Date, signal: AbortSignal): Promise<bigint | undefined> {
  const { data } = await api.http.GET('/api/v1/billing/statement', {
    signal,
    params: { query: { toTime: moment.toISOString(), pageSize: 1 } },
  })
  const last = data!.transfers[0]
  return last ? BigInt(last.balanceMicroPix) : undefined
}

async function gained(kind: Schemas['TransferKind'], from: Date, signal: AbortSignal): Promise<bigint> {
  const { data } = await api.http.GET('/api/v1/billing/statement', {
    signal,
    params: { query: { kind, fromTime: from.toISOString(), pageSize: 200 } },
  })
  return data!.transfers.reduce((sum, { amountMicroPix }) => sum + BigInt(amountMicroPix), 0n)
}
