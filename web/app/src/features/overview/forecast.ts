/** All amounts in micro-pix. */
export interface Spending {
  /** Available and held now. */
  now: bigint
  /** Available at the beginning of the period; `undefined` where the wallet is younger. */
  before: bigint | undefined
  /** What came in during the period. */
  income: bigint
  /** Charged since the wallet was opened. */
  spentInAll: bigint
  /** How old the wallet is, in milliseconds. */
  age: number
}

export interface Forecast {
  spent: bigint
  perDay: bigint
  /** Whole days the available balance lasts at this pace; `undefined` where nothing is spent. */
  days: number | undefined
}

export const PERIOD_DAYS = 7
const DAY = 24 * 60 * 60 * 1000

/** How long the balance lasts if the next days are like the last seven; a younger wallet counts its own days. */
export function forecast({ now, before, income, spentInAll, age }: Spending, available: bigint): Forecast {
  const counted = before === undefined ? spentInAll : before + income - now
  const spent = counted > 0n ? counted : 0n
  const days = before === undefined ? Math.min(PERIOD_DAYS, Math.max(1, Math.ceil(age / DAY))) : PERIOD_DAYS
  const perDay = spent / BigInt(days)
  if (perDay === 0n) return { spent, perDay, days: undefined }
  return { spent, perDay, days: available > 0n ? Number(available / perDay) : 0 }
}
