import type { Outgoing } from '@neipix/api'
import { groupPosition, type GroupPosition, type Groupable } from '@neipix/ui'
import { isSilence, isWritten, place, type Conversation, type Message, type Turn } from './kinds'
import type { Passed } from './live-answers'
import type { Thread } from './thread'

/** A line of the dialogue. */
export type TranscriptItem =
  | { readonly kind: 'day'; readonly key: string; readonly at: string }
  | {
      readonly kind: 'message'
      readonly key: string
      readonly message: Message
      readonly position: GroupPosition
    }
  | {
      readonly kind: 'outgoing'
      readonly key: string
      readonly outgoing: Outgoing
      readonly position: GroupPosition
    }
  | {
      readonly kind: 'answer'
      readonly key: string
      readonly turn: string
      readonly text: string
      readonly position: GroupPosition
    }
  | { readonly kind: 'silence'; readonly key: string; readonly turn: Turn }
  | { readonly kind: 'hand-over'; readonly key: string; readonly to: Holder }
  | { readonly kind: 'busy'; readonly key: string; readonly who: 'assistant' | 'contact' | 'operator' }

/** Who answers from a line on. */
export type Holder =
  | { readonly is: 'assistant' }
  | { readonly is: 'nobody' }
  | { readonly is: 'operator'; readonly member: string }

/** What the lines are made of. */
export interface TranscriptSources {
  readonly thread: Thread
  readonly conversation: Conversation | undefined
  readonly passed: Passed
  /** The person's own messages on their way. */
  readonly outgoing: readonly Outgoing[]
  /** The person's id. */
  readonly me: string
  /** Messages whose own key is known here, by the message's id; see `arrived`. */
  readonly arrived: ReadonlyMap<string, string>
}

/** The lines of a dialogue, oldest first. Keys stay when a text becomes a message. */
export function transcriptItems(sources: TranscriptSources): TranscriptItem[] {
  return [...history(sources), ...present(sources)]
}

/** What was said, and who leads the dialogue since. It changes by events only, not with each word of an answer. */
export function history({
  thread,
  conversation,
  arrived,
}: Pick<TranscriptSources, 'thread' | 'conversation' | 'arrived'>): TranscriptItem[] {
  const messages = thread.messages.map((kept) => kept.value)
  const turns = [...thread.turns.values()].map((kept) => kept.value)
  const silences = silencesBySeq(messages, turns, thread.olderMessages === undefined)
  const items: TranscriptItem[] = []
  let day = ''
  let holder: Holder | undefined
  for (const turn of silences.get(0) ?? []) items.push(silence(turn))
  for (const message of messages) {
    const its = dayOf(message.createTime)
    if (its !== day) items.push({ kind: 'day', key: `day:${its}`, at: message.createTime ?? '' })
    day = its
    const speaks = speaker(message)
    if (speaks && holder && !same(speaks, holder))
      items.push({ kind: 'hand-over', key: `hand:${message.id}`, to: speaks })
    holder = speaks ?? holder
    items.push({ kind: 'message', key: keyOf(message, arrived), message, position: 'single' })
    for (const turn of silences.get(place(message.seq)) ?? []) items.push(silence(turn))
  }
  const now = conversation && holderOf(conversation)
  // The first period of a dialogue is the assistant's: nothing was handed over.
  if (now && !same(now, holder ?? { is: 'assistant' }))
    items.push({ kind: 'hand-over', key: `hand:now:${conversation.handlerEpoch}`, to: now })
  return positioned(items)
}

/** What is being said: running answers, signs of typing, own messages on their way. */
export function present({
  thread,
  passed,
  outgoing,
  arrived,
  me,
}: Omit<TranscriptSources, 'conversation'>): TranscriptItem[] {
  const messages = thread.messages.map((kept) => kept.value)
  const turns = [...thread.turns.values()].map((kept) => kept.value)
  const items = answering(messages, turns, passed)
  for (const item of waiting({ outgoing, arrived, me }, messages))
    items.push({ kind: 'outgoing', key: item.id, outgoing: item, position: 'single' })
  return positioned(items)
}

/** Who answers now. */
export function holderOf(conversation: Conversation): Holder {
  switch (conversation.handler) {
    case 'HANDLER_OPERATOR':
      return { is: 'operator', member: conversation.handlerMemberId }
    case 'HANDLER_NOBODY':
      return { is: 'nobody' }
    case 'HANDLER_ASSISTANT':
    case 'HANDLER_UNSPECIFIED':
      return { is: 'assistant' }
  }
}

/** Whether the message is a turn's answer. */
export function answers(message: Message, turn: string): boolean {
  return message.turnId === turn && message.author !== 'AUTHOR_CONTACT'
}

function keyOf(message: Message, arrived: ReadonlyMap<string, string>): string {
  if (message.turnId !== '' && message.author === 'AUTHOR_ASSISTANT') return `turn:${message.turnId}`
  return ownKey(message, arrived) ?? message.id
}

/** The key under which this browser sent the message; the server of today tells it only in the call's answer. */
function ownKey(message: Message, arrived: ReadonlyMap<string, string>): string | undefined {
  const { clientId } = message as Message & { readonly clientId?: string }
  return arrived.get(message.id) ?? (clientId || undefined)
}

function speaker(message: Message): Holder | undefined {
  if (message.author === 'AUTHOR_ASSISTANT') return { is: 'assistant' }
  if (message.author === 'AUTHOR_OPERATOR') return { is: 'operator', member: message.authorMemberId }
  return undefined
}

function same(a: Holder, b: Holder): boolean {
  if (a.is === 'operator') return b.is === 'operator' && a.member === b.member
  return a.is === b.is
}

function silence(turn: Turn): TranscriptItem {
  return { kind: 'silence', key: `turn:${turn.id}`, turn }
}

/** Silent turns by the place of the message behind which they are shown; 0 = in front of all. */
function silencesBySeq(
  messages: readonly Message[],
  turns: readonly Turn[],
  complete: boolean,
): Map<number, Turn[]> {
  const asked = new Map<string, number>()
  for (const message of messages) if (message.turnId !== '') asked.set(message.turnId, place(message.seq))
  const found = new Map<number, Turn[]>()
  const silent = turns.filter(isSilence).sort((a, b) => (a.id < b.id ? -1 : 1))
  for (const turn of silent) {
    const seq = asked.get(turn.id) ?? seqAt(messages, Date.parse(turn.endTime ?? turn.createTime ?? ''))
    if (seq === 0 && !complete) continue
    found.set(seq, [...(found.get(seq) ?? []), turn])
  }
  return found
}

/** The place of the last message that was there at that moment. */
function seqAt(messages: readonly Message[], at: number): number {
  const last = messages.findLast((message) => Date.parse(message.createTime ?? '') <= at)
  return last ? place(last.seq) : 0
}

function answering(messages: readonly Message[], turns: readonly Turn[], passed: Passed): TranscriptItem[] {
  const items: TranscriptItem[] = []
  const byId = new Map(turns.map((turn) => [turn.id, turn]))
  for (const { turn, text } of passed.answers) {
    const known = byId.get(turn)
    const over = (known && isSilence(known)) || messages.findLast((message) => answers(message, turn))
    if (!over && text !== '')
      items.push({ kind: 'answer', key: `turn:${turn}`, turn, text, position: 'single' })
  }
  const runs = turns.some((turn) => !isWritten(turn))
  if (runs && items.length === 0) items.push({ kind: 'busy', key: 'busy:assistant', who: 'assistant' })
  for (const { author } of passed.typing) {
    const who = author === 'AUTHOR_OPERATOR' ? 'operator' : 'contact'
    items.push({ kind: 'busy', key: `busy:${who}`, who })
  }
  return items
}

/** Own messages that the list does not have yet. */
function waiting(
  { outgoing, arrived, me }: Pick<TranscriptSources, 'outgoing' | 'arrived' | 'me'>,
  messages: readonly Message[],
): Outgoing[] {
  const there = new Set(messages.map((message) => ownKey(message, arrived)))
  return outgoing.filter((item) => {
    if (there.has(item.id)) return false
    // The event may come before the answer of the call: for that moment the same words of the same person are it.
    const heard = (message: Message) =>
      message.authorMemberId === me &&
      message.text === item.text &&
      ownKey(message, arrived) === undefined &&
      Date.parse(message.createTime ?? '') >= item.at - SKEW_MS
    return !(item.state === 'sending' && messages.slice(-10).some(heard))
  })
}

/** How far the browser's clock may be from the server's. */
const SKEW_MS = 5 * 60_000

function dayOf(time: string | undefined): string {
  const date = new Date(time ?? 0)
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`
}

function positioned(items: readonly TranscriptItem[]): TranscriptItem[] {
  const groups = items.map((item) => groupable(item))
  return items.map((item, i) =>
    'position' in item
      ? { ...item, position: groupPosition(groups[i - 1], groups[i]!, groups[i + 1]) }
      : item,
  )
}

function groupable(item: TranscriptItem): Groupable | undefined {
  switch (item.kind) {
    case 'message': {
      const { author, authorMemberId, createTime } = item.message
      if (author === 'AUTHOR_SYSTEM') return undefined
      return { author, authorId: authorMemberId, at: Date.parse(createTime ?? '') }
    }
    case 'outgoing':
      return { author: 'AUTHOR_OPERATOR', authorId: '', at: item.outgoing.at }
    case 'answer':
    case 'day':
    case 'silence':
    case 'hand-over':
    case 'busy':
      return undefined
  }
}
