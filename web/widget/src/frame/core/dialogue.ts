import { NOTHING_YET, grow, soFar, type AnswerText } from '@neipix/api/sending'
import type { Author, WireCitation, WireConversation, WireMessage, WirePage } from './server'

/** A message that the server has. */
export interface Said {
  readonly id: string
  /** Place in the dialogue, dense from 1. */
  readonly seq: number
  readonly author: Author
  readonly text: string
  readonly clientId: string
  readonly interrupted: boolean
  readonly citations: readonly WireCitation[]
  /** Milliseconds since 1970. */
  readonly at: number
}

/** An answer that grows. */
export interface Answer extends AnswerText {
  readonly turn: string
  /** False while it waits for more of the visitor's words. */
  readonly answering: boolean
}

/** Who answers now. */
export type Handler = 'assistant' | 'operator' | 'nobody'

/** What the visitor sees. */
export interface Dialogue {
  /** Empty = there is none yet. */
  readonly conversation: string
  readonly handler: Handler
  /** By number, each once. */
  readonly messages: readonly Said[]
  /** Up to here nothing is missing, so from here a broken stream goes on. */
  readonly cursor: number
  readonly answer: Answer | undefined
  /** Where older messages are; empty = there are none. */
  readonly older: string
}

export const EMPTY: Dialogue = {
  conversation: '',
  handler: 'assistant',
  messages: [],
  cursor: 0,
  answer: undefined,
  older: '',
}

/** One event of the stream, read and checked. */
export type Happening =
  | { readonly kind: 'message'; readonly message: WireMessage }
  | { readonly kind: 'partial'; readonly turn: string; readonly answering: boolean; readonly text: string }
  | { readonly kind: 'delta'; readonly turn: string; readonly offset: number; readonly text: string }
  | { readonly kind: 'ended'; readonly turn: string }
  | { readonly kind: 'state'; readonly conversation: WireConversation }
  | { readonly kind: 'typing'; readonly author: string }
  | { readonly kind: 'reset' }

/** Reads an event; `undefined` for kinds of a newer server, which are no reason to stop. */
export function readHappening(event: string, data: string): Happening | undefined {
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const frame = value as Record<string, unknown>
  const turn = frame['turnId']
  const text = frame['text']
  switch (event) {
    case 'message':
      return numberOf(frame['seq']) > 0 && typeof text === 'string' && typeof frame['id'] === 'string'
        ? { kind: 'message', message: value as WireMessage }
        : undefined
    case 'partial':
      if (typeof turn !== 'string' || typeof text !== 'string') return undefined
      return { kind: 'partial', turn, text, answering: frame['answering'] === true }
    case 'delta': {
      const offset = numberOf(frame['offset'])
      if (typeof turn !== 'string' || typeof text !== 'string' || offset < 0) return undefined
      return { kind: 'delta', turn, text, offset }
    }
    case 'ended':
      return typeof turn === 'string' ? { kind: 'ended', turn } : undefined
    case 'state':
      return typeof frame['id'] === 'string'
        ? { kind: 'state', conversation: value as WireConversation }
        : undefined
    case 'typing':
      return { kind: 'typing', author: String(frame['author']) }
    case 'reset':
      return { kind: 'reset' }
    default:
      return undefined
  }
}

/** A number of 64 bits; −1 for none. Ours stay far below what a double holds. */
function numberOf(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value
  return Number.isSafeInteger(number) ? (number as number) : -1
}

function said(message: WireMessage): Said {
  return {
    id: message.id,
    seq: numberOf(message.seq),
    author: message.author,
    text: message.text,
    clientId: message.clientId ?? '',
    interrupted: message.interrupted === true,
    citations: message.citations ?? [],
    at: Date.parse(message.createTime ?? '') || 0,
  }
}

/** Puts messages among the others, each once, by number. */
function among(known: readonly Said[], more: readonly Said[]): readonly Said[] {
  const last = known.at(-1)
  const [only] = more
  // Nearly always one that comes last.
  if (only && more.length === 1 && (!last || last.seq < only.seq)) return [...known, only]
  const bySeq = new Map([...known, ...more].map((one) => [one.seq, one]))
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq)
}

function handlerOf(conversation: WireConversation | undefined, before: Handler): Handler {
  switch (conversation?.handler) {
    case 'HANDLER_ASSISTANT':
      return 'assistant'
    case 'HANDLER_OPERATOR':
      return 'operator'
    case 'HANDLER_NOBODY':
      return 'nobody'
    default:
      return before
  }
}

/** The newest page of a dialogue; what was shown of another one goes. */
export function opened(before: Dialogue, page: WirePage): Dialogue {
  const conversation = page.conversation?.id ?? ''
  const same = conversation === before.conversation
  const messages = among(same ? before.messages : [], page.messages.map(said))
  const answer = page.answer
  return {
    conversation,
    handler: handlerOf(page.conversation, 'assistant'),
    messages,
    cursor: Math.max(same ? before.cursor : 0, ...page.messages.map((one) => numberOf(one.seq))),
    answer: answer && { ...soFar(answer.text), turn: answer.turnId, answering: answer.answering },
    // With messages of this dialogue in hand, the place behind the oldest is known already.
    older: same && before.messages.length > 0 ? before.older : page.nextPageToken,
  }
}

/** A page of older messages. */
export function extended(before: Dialogue, page: WirePage): Dialogue {
  return { ...before, messages: among(before.messages, page.messages.map(said)), older: page.nextPageToken }
}

/** The server has taken a message of ours. The stream will tell of it again: the cursor stays. */
export function stored(before: Dialogue, conversation: string, message: WireMessage): Dialogue {
  if (before.conversation !== '' && before.conversation !== conversation) return before
  return { ...before, conversation, messages: among(before.messages, [said(message)]) }
}

/** What a happening leads to: the dialogue after it, or what has to be read again. */
export type Outcome = Dialogue | 'resume' | 'reload'

/** Takes what has happened. What was known already changes nothing. */
export function happened(before: Dialogue, event: Happening): Outcome {
  switch (event.kind) {
    case 'message':
      return taken(before, event.message)
    case 'partial':
      return { ...before, answer: { ...soFar(event.text), turn: event.turn, answering: event.answering } }
    case 'delta': {
      const have = before.answer?.turn === event.turn ? before.answer : NOTHING_YET
      const grown = grow(have, event.offset, event.text)
      // A piece is missing: the stream begins an answer anew when it is opened again.
      return grown ? { ...before, answer: { ...grown, turn: event.turn, answering: true } } : 'resume'
    }
    case 'ended':
      return before.answer?.turn === event.turn ? { ...before, answer: undefined } : before
    case 'state': {
      const { id } = event.conversation
      if (id !== before.conversation && before.conversation !== '') return id === '' ? before : 'reload'
      return { ...before, conversation: id, handler: handlerOf(event.conversation, before.handler) }
    }
    case 'reset':
      return 'reload'
    case 'typing':
      return before
  }
}

function taken(before: Dialogue, wire: WireMessage): Outcome {
  const message = said(wire)
  // Numbers are dense: one that is left out was lost on the way.
  if (message.seq > before.cursor + 1) return 'resume'
  const answers = message.author !== 'AUTHOR_CONTACT' && before.answer?.turn === wire.turnId
  return {
    ...before,
    messages: among(before.messages, [message]),
    cursor: Math.max(before.cursor, message.seq),
    answer: answers ? undefined : before.answer,
  }
}
