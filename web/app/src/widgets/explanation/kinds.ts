import type { Schemas } from '@neipix/api'

export type Explanation = Schemas['Explanation']
export type SilenceReason = Schemas['SilenceReason']
export type CauseKind = Schemas['CauseKind']
/** A reason there is. */
export type Reason = Exclude<SilenceReason, 'SILENCE_REASON_UNSPECIFIED'>

const PREFIX = 'SILENCE_REASON_'

/** The reason of a turn as its list gives it: `no_funds`; `undefined` for none, or one of a newer server. */
export function reasonOf(turnReason: string): Reason | undefined {
  const found = PREFIX + turnReason.toUpperCase()
  return isReason(found) ? found : undefined
}

/** Whether there is a reason, and one that this page knows. */
export function isReason(reason: string): reason is Reason {
  return Object.hasOwn(KNOWN, reason)
}

const KNOWN: Record<Reason, true> = {
  SILENCE_REASON_OPERATOR: true,
  SILENCE_REASON_SCHEDULE: true,
  SILENCE_REASON_STOP_WORD: true,
  SILENCE_REASON_NO_FUNDS: true,
  SILENCE_REASON_PAUSED: true,
  SILENCE_REASON_BUDGET: true,
  SILENCE_REASON_UNPRICED: true,
  SILENCE_REASON_TAKE_OVER: true,
  SILENCE_REASON_HANDOFF: true,
  SILENCE_REASON_CLOSED: true,
  SILENCE_REASON_BILLING_UNAVAILABLE: true,
  SILENCE_REASON_TIMEOUT: true,
  SILENCE_REASON_INTERNAL: true,
  SILENCE_REASON_INTERRUPTED: true,
}
