// @vitest-environment node
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  EMPTY,
  extended,
  happened,
  opened,
  readHappening,
  stored,
  type Dialogue,
  type Happening,
} from './dialogue'
import type { WireMessage, WirePage } from './server'

const bytes = (text: string) => new TextEncoder().encode(text).length

function message(seq: number, more: Partial<WireMessage> = {}): WireMessage {
  return {
    id: `m${seq}`,
    seq: String(seq),
    author: seq % 2 ? 'AUTHOR_CONTACT' : 'AUTHOR_ASSISTANT',
    text: `текст ${seq}`,
    clientId: '',
    turnId: `t${Math.ceil(seq / 2)}`,
    interrupted: false,
    citations: [],
    ...more,
  }
}

const state = (lastSeq: number, handler = 'HANDLER_ASSISTANT') => ({
  id: 'c1',
  status: 'CONVERSATION_STATUS_OPEN',
  handler,
  lastSeq: String(lastSeq),
})
const page = (from: number, to: number, more: Partial<WirePage> = {}): WirePage => ({
  messages: Array.from({ length: to - from + 1 }, (_, i) => message(to - i)),
  nextPageToken: from > 1 ? String(from) : '',
  conversation: state(to),
  ...more,
})
const seqs = (dialogue: Dialogue) => dialogue.messages.map((one) => one.seq)
const after = (dialogue: Dialogue, ...events: Happening[]): Dialogue =>
  events.reduce((now, event) => {
    const next = happened(now, event)
    if (typeof next === 'string') throw new Error(next)
    return next
  }, dialogue)

test('the newest page opens a dialogue, older pages grow it upwards', () => {
  const dialogue = opened(EMPTY, page(51, 100))
  expect(dialogue).toMatchObject({ conversation: 'c1', cursor: 100, older: '51', handler: 'assistant' })
  const more = extended(dialogue, page(1, 50))
  expect(seqs(more)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1))
  expect(more.older).toBe('')
})

test('an answer that was being written at a reload goes on, and its message takes its place', () => {
  const text = 'Достав'
  let dialogue = opened(EMPTY, page(1, 3, { answer: { turnId: 't2', answering: true, text } }))
  dialogue = after(dialogue, { kind: 'delta', turn: 't2', offset: bytes(text), text: 'ка завтра' })
  expect(dialogue.answer?.text).toBe('Доставка завтра')
  dialogue = after(
    dialogue,
    { kind: 'message', message: message(4, { text: 'Доставка завтра' }) },
    { kind: 'ended', turn: 't2' },
  )
  expect(dialogue.answer).toBeUndefined()
  expect(dialogue.messages.at(-1)?.text).toBe('Доставка завтра')
})

test('a piece or a message that is missing asks for the stream again', () => {
  const dialogue = opened(EMPTY, page(1, 3))
  expect(happened(dialogue, { kind: 'delta', turn: 't2', offset: 10, text: 'x' })).toBe('resume')
  expect(happened(dialogue, { kind: 'message', message: message(5) })).toBe('resume')
  expect(happened(dialogue, { kind: 'reset' })).toBe('reload')
  expect(happened(dialogue, { kind: 'state', conversation: { ...state(0), id: 'c2' } })).toBe('reload')
})

test('an own message that the server confirms before the stream tells it leaves no hole behind', () => {
  const dialogue = stored(opened(EMPTY, page(1, 2)), 'c1', message(5))
  expect(dialogue.cursor).toBe(2)
  const whole = after(
    dialogue,
    ...[3, 4, 5].map((seq): Happening => ({ kind: 'message', message: message(seq) })),
  )
  expect(seqs(whole)).toEqual([1, 2, 3, 4, 5])
})

test('who answers', () => {
  const dialogue = opened(EMPTY, page(1, 1))
  const taken = after(dialogue, { kind: 'state', conversation: state(1, 'HANDLER_OPERATOR') })
  expect(taken.handler).toBe('operator')
  expect(after(taken, { kind: 'state', conversation: state(1, 'HANDLER_NOBODY') }).handler).toBe('nobody')
  expect(after(taken, { kind: 'state', conversation: state(1, 'HANDLER_OF_TOMORROW') }).handler).toBe(
    'operator',
  )
})

test('events of a newer server and torn ones are no reason to stop', () => {
  for (const [event, data] of [
    ['mood', '{}'],
    ['message', '{'],
    ['message', 'null'],
    ['message', '{"seq":"0","text":"","id":""}'],
    ['message', '{"seq":"x","text":"a","id":"b"}'],
    ['delta', '{"turnId":"t","text":"x","offset":"-1"}'],
    ['delta', '{"turnId":"t","text":"x","offset":"99999999999999999999"}'],
    ['partial', '{"turnId":1}'],
    ['state', '{}'],
    ['heartbeat', '{}'],
  ] as const) {
    expect(readHappening(event, data)).toBeUndefined()
  }
  expect(readHappening('delta', '{"turnId":"t","text":"x","offset":"7"}')).toEqual({
    kind: 'delta',
    turn: 't',
    text: 'x',
    offset: 7,
  })
})

/** A server's log, and a client that loses its stream wherever the run says. */
test("R-6: any order of drops, duplicates and reconnects ends in the server's list", () => {
  const act = fc.oneof(
    { weight: 5, arbitrary: fc.constant('say' as const) },
    { weight: 3, arbitrary: fc.constant('hear' as const) },
    fc.constantFrom('drop' as const, 'again' as const, 'confirm' as const, 'cut' as const, 'reload' as const),
  )
  fc.assert(
    fc.property(fc.array(act, { maxLength: 60 }), (acts) => {
      const log: WireMessage[] = []
      let stream: Happening[] = []
      let dialogue = EMPTY
      const event = (one: WireMessage): Happening => ({ kind: 'message', message: one })
      const connect = () => {
        stream = [
          { kind: 'state', conversation: state(log.length) },
          ...log.slice(dialogue.cursor).map(event),
        ]
      }
      const hear = () => {
        const next = stream.shift()
        if (!next) return
        const outcome = happened(dialogue, next)
        if (typeof outcome === 'string') connect()
        else dialogue = outcome
      }
      connect()
      for (const one of acts) {
        if (one === 'say') {
          log.push(message(log.length + 1))
          stream.push(event(log.at(-1)!))
        } else if (one === 'hear') hear()
        else if (one === 'drop') stream.shift()
        else if (one === 'again' && stream[0]) stream.unshift(stream[0])
        else if (one === 'confirm' && log.length > 0) dialogue = stored(dialogue, 'c1', log.at(-1)!)
        else if (one === 'cut') connect()
        else if (one === 'reload') {
          dialogue = opened(EMPTY, log.length > 0 ? page(1, log.length) : { messages: [], nextPageToken: '' })
          connect()
        }
      }
      // In the end the network holds: whatever is missing shows at the next event, or at the next life of the stream.
      connect()
      while (stream.length > 0) hear()
      expect(dialogue.messages.map(({ id }) => id)).toEqual(log.map(({ id }) => id))
      expect(dialogue.cursor).toBe(log.length)
    }),
  )
})
