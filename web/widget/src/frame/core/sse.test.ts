// @vitest-environment node
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { StreamReader, type StreamEvent } from './sse'

const read = (...pieces: string[]): StreamEvent[] => {
  const reader = new StreamReader()
  return pieces.flatMap((piece) => reader.take(piece))
}

test('fields, comments, several lines of data, and an id that stays', () => {
  expect(read(': hb\n\nid: 7\nevent: delta\ndata: a\ndata:b\ndata:  c\n\ndata: d\n\n')).toEqual([
    { event: 'delta', data: 'a\nb\n c', id: '7' },
    { event: 'message', data: 'd', id: '7' },
  ])
})

test('an event whose end has not come is not told', () => {
  expect(read('data: half')).toEqual([])
  expect(read('data: half\n')).toEqual([])
})

test('an event without data is none, and does not name the next', () => {
  expect(read('event: x\n\ndata: y\n\n')).toEqual([{ event: 'message', data: 'y', id: '' }])
})

test('an id with NUL and a retry that is no number are ignored', () => {
  const reader = new StreamReader()
  expect(reader.take('id: 1\nid: 2\0\nretry: 20x\nretry: 2000\ndata: z\n\n')).toEqual([
    { event: 'message', data: 'z', id: '1' },
  ])
  expect(reader.retry).toBe(2000)
})

test('wherever the stream is cut, with any kind of line end, the events are the same', () => {
  const ends = fc.constantFrom('\n', '\r', '\r\n')
  const event = fc.record({ id: fc.nat(), data: fc.string({ unit: 'binary', maxLength: 8 }) })
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 6 }),
      ends,
      fc.array(fc.nat(), { maxLength: 8 }),
      (events, end, cuts) => {
        const clean = events.map(({ id, data }) => ({ id, data: data.replace(/[\r\n]/g, '') }))
        const whole = `\uFEFF${clean.map(({ id, data }) => `id: ${id}${end}data: ${data}${end}${end}`).join('')}`
        const at = [...new Set(cuts.map((cut) => cut % (whole.length + 1)))].sort((a, b) => a - b)
        const pieces = [0, ...at].map((from, i) => whole.slice(from, at[i] ?? whole.length))
        const told = read(...pieces)
        expect(told.map(({ id, data }) => ({ id, data }))).toEqual(
          clean.map(({ id, data }) => ({ id: String(id), data })),
        )
      },
    ),
  )
})
