import type { Schemas } from '@neipix/api'

/* What the inbox talks about. */

export type Conversation = Schemas['Conversation']
export type Message = Schemas['Message']
export type Turn = Schemas['Turn']
export type TurnState = Schemas['TurnState']

/**
 * A copy of the server's object that is as new as all that was heard up to `mark` (`marks.ts`). So a page that was
 * asked for earlier does not put back what has changed since.
 */
export interface Kept<T> {
  readonly value: T
  readonly mark: number
}

/** Numbers of 64 bits come as strings; those of the inbox (places, periods) are far below 2^53. */
export function place(number: string): number {
  return Number(number)
}

/** A time that can be compared as text: the server leaves out zeros at the end of the fraction. */
export function instant(time: string | undefined): string {
  const [whole = '', fraction = ''] = (time ?? '').replace('Z', '').split('.')
  return `${whole}.${fraction.padEnd(9, '0')}`
}

const ENDED: ReadonlySet<TurnState> = new Set([
  'TURN_STATE_STORED',
  'TURN_STATE_SETTLED',
  'TURN_STATE_DELIVERED',
  'TURN_STATE_SKIPPED',
  'TURN_STATE_CANCELLED',
  'TURN_STATE_FAILED',
])

/** Whether the turn's text does not grow any more. */
export function isWritten(turn: Turn): boolean {
  return ENDED.has(turn.state)
}

const SILENT: ReadonlySet<TurnState> = new Set([
  'TURN_STATE_SKIPPED',
  'TURN_STATE_CANCELLED',
  'TURN_STATE_FAILED',
])

/** Whether the turn ended without a word to the customer. */
export function isSilence(turn: Turn): boolean {
  return SILENT.has(turn.state) && turn.answerMessageId === ''
}
