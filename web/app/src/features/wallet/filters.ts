import type { Schemas } from '@neipix/api'

/** Kinds as they stand in the address. */
export const KINDS = {
  grant: 'TRANSFER_KIND_GRANT',
  hold: 'TRANSFER_KIND_HOLD',
  settle: 'TRANSFER_KIND_SETTLE',
  release: 'TRANSFER_KIND_RELEASE',
  credit: 'TRANSFER_KIND_CREDIT',
  refund: 'TRANSFER_KIND_REFUND',
  adjustment: 'TRANSFER_KIND_ADJUSTMENT',
} as const satisfies Record<string, Schemas['TransferKind']>

export type Kind = keyof typeof KINDS

export const PERIODS = { '7d': 7, '30d': 30 } as const
export type Period = keyof typeof PERIODS | 'all'

/** What the statement shows; all of it stands in the address, so that a link shows the same. */
export interface StatementSearch {
  kind?: Kind | undefined
  /** All time where not set. */
  period?: keyof typeof PERIODS | undefined
  /** Operations of one answer only. */
  turn?: string | undefined
  /** The operation that is open beside the table. */
  open?: string | undefined
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const uuid = (value: unknown) => (typeof value === 'string' && UUID.test(value) ? value : undefined)

/**
 * Reads the address; what makes no sense is `undefined`. Every key is given: the router lays this over what the address
 * says, so a key left out would keep its value.
 */
export function statementSearch(search: Record<string, unknown>): StatementSearch {
  const { kind, period } = search
  return {
    kind: typeof kind === 'string' && Object.hasOwn(KINDS, kind) ? (kind as Kind) : undefined,
    period:
      typeof period === 'string' && Object.hasOwn(PERIODS, period)
        ? (period as keyof typeof PERIODS)
        : undefined,
    turn: uuid(search['turn']),
    open: uuid(search['open']),
  }
}

/** The kind of a transfer as words are kept for it. */
export function kindOf(kind: Schemas['TransferKind'] | undefined): Kind | 'other' {
  const known = Object.entries(KINDS).find(([, name]) => name === kind)
  return known ? (known[0] as Kind) : 'other'
}

/** The beginning of the day so many days ago, by the person's clock: pages of one statement share it. */
export function periodStart(period: keyof typeof PERIODS, now: Date): string {
  const start = new Date(now.getFullYear(), now.getMonth(), now.getDate() - PERIODS[period])
  return start.toISOString()
}
