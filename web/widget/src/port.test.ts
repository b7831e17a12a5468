// @vitest-environment node
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MESSAGE_BYTES, readInit, readToFrame, readToHost } from './port'

const TO_FRAME = [
  { t: 'open', focus: true },
  { t: 'close' },
  { t: 'identify', jwt: 'a.b.c' },
  { t: 'reset' },
  { t: 'locale', locale: 'ru' },
]
const TO_HOST = [
  { t: 'state', open: false },
  { t: 'unread', n: 3 },
  { t: 'event', name: 'message' },
  { t: 'token', token: 'vt_1' },
  { t: 'token', token: '' },
]
const INIT = { neipix: 'init', v: 1, locale: 'ru', url: 'https://shop.ru/' }

test.each(TO_FRAME)('the frame takes %j, and not with a field more or less', (message) => {
  expect(readToFrame(message)).toBe(message)
  expect(readToFrame({ ...message, more: 1 })).toBeUndefined()
  const [last] = Object.keys(message).slice(-1)
  expect(
    readToFrame(Object.fromEntries(Object.entries(message).filter(([name]) => name !== last))),
  ).toBeUndefined()
  expect(readToHost(message)).toBeUndefined()
})

test.each(TO_HOST)('the loader takes %j, and not with a field more', (message) => {
  expect(readToHost(message)).toBe(message)
  expect(readToHost({ ...message, more: 1 })).toBeUndefined()
  expect(readToFrame(message)).toBeUndefined()
})

test('W-5: there is no message that speaks for the visitor', () => {
  for (const t of ['send', 'message', 'text', 'say', 'constructor', '__proto__', 'toString']) {
    expect(readToFrame({ t, text: 'hi' })).toBeUndefined()
    expect(readToFrame({ t })).toBeUndefined()
  }
})

test('wrong kinds, wrong bounds and strange letters are dropped', () => {
  const wrong: unknown[] = [
    { t: 'open', focus: 1 },
    { t: 'identify', jwt: '' },
    { t: 'identify', jwt: 'я'.repeat(8) },
    { t: 'identify', jwt: 'a'.repeat(4097) },
    { t: 'locale', locale: 'x'.repeat(36) },
    null,
    undefined,
    'open',
    7,
    [],
    [{ t: 'close' }],
  ]
  for (const one of wrong) expect(readToFrame(one)).toBeUndefined()
  const wrongToHost: unknown[] = [
    { t: 'unread', n: -1 },
    { t: 'unread', n: 1.5 },
    { t: 'event', name: 'eval' },
    { t: 'token', token: 'a'.repeat(101) },
    { t: 'token', token: 'a b' },
    null,
    undefined,
  ]
  for (const one of wrongToHost) expect(readToHost(one)).toBeUndefined()
  for (const one of [
    { ...INIT, v: 2 },
    { ...INIT, neipix: 'ready' },
    { ...INIT, token: 7 },
    { ...INIT, extra: 1 },
  ]) {
    expect(readInit(one)).toBeUndefined()
  }
  expect(readInit({ ...INIT, token: 'vt_1' })).toEqual({ ...INIT, token: 'vt_1' })
})

test('whatever is taken is small, and nothing that arrives throws', () => {
  const field = fc.oneof(fc.anything({ maxDepth: 1 }), fc.string({ unit: 'binary', maxLength: 20_000 }))
  const message = fc.record(
    {
      t: fc.constantFrom('open', 'identify', 'locale', 'state', 'token', 'event'),
      [Symbol.for('x').description ?? 'x']: field,
      jwt: field,
      token: field,
      locale: field,
    },
    { requiredKeys: ['t'] },
  )
  fc.assert(
    fc.property(fc.oneof(message, fc.anything()), (value) => {
      for (const read of [readToFrame, readToHost, readInit]) {
        const taken = read(value)
        if (taken !== undefined) {
          expect(new TextEncoder().encode(JSON.stringify(taken)).length).toBeLessThanOrEqual(MESSAGE_BYTES)
        }
      }
    }),
  )
})
