import { ApiError, NOTHING_YET, type StreamEvent } from '@neipix/api'
import { expect, test, vi } from 'vitest'
import { written } from './answer'
import { createAsker, type AskingServer } from './asking'

const A = 'assistant'
const delta = (offset: number, text: string): StreamEvent => ({
  event: 'delta',
  data: { offset: String(offset), text },
})
const accepted: StreamEvent = { event: 'accepted', data: { id: 't1' } }
const finished: StreamEvent = { event: 'finished', data: { turn: { id: 't1' } } }

/** A server that gives these streams, one for each question. */
function server(...streams: (StreamEvent | Error)[][]) {
  const bodies: { requestId: string }[] = []
  const fake: AskingServer = {
    open(_id, body) {
      bodies.push(body)
      const events = streams.shift() ?? []
      return Promise.resolve(
        (async function* () {
          for (const event of events) {
            await Promise.resolve()
            if (event instanceof Error) throw event
            yield event
          }
        })(),
      )
    },
    finished: vi.fn(),
    reread: vi.fn(() => Promise.resolve()),
  }
  return { fake, bodies }
}

test('another try writes over what it replaces, counted in bytes', () => {
  const first = written(NOTHING_YET, 0, 'Привет, мир')!
  expect(written(first, first.bytes, '!')?.text).toBe('Привет, мир!')
  expect(written(first, 14, 'друг')?.text).toBe('Привет, друг')
  expect(written(first, 0, 'Заново')).toEqual({ text: 'Заново', bytes: 12 })
  expect(written(first, first.bytes + 1, 'дыра')).toBeUndefined()
  expect(written(first, 1, 'середина буквы')).toBeUndefined()
})

test('a finished question is the list’s, and no more this page’s', async () => {
  const { fake } = server([accepted, delta(0, 'Да'), finished])
  const asker = createAsker(fake)
  asker.ask(A, 'Привезёте?', 0)
  await vi.waitFor(() => expect(fake.finished).toHaveBeenCalledWith(A, finished.data))
  expect(asker.store.getState()[A]).toBeUndefined()
})

test('what broke off keeps its text; a retry asks for the same turn', async () => {
  const lost = new ApiError(0, 'NETWORK', 'lost')
  const { fake, bodies } = server([accepted, delta(0, 'Да, за'), lost], [accepted, finished])
  const asker = createAsker(fake)
  asker.ask(A, 'Привезёте?', 0)
  await vi.waitFor(() => expect(asker.store.getState()[A]?.state).toBe('broken'))
  expect(asker.store.getState()[A]?.text.text).toBe('Да, за')
  await vi.waitFor(() => asker.retry(A))
  await vi.waitFor(() => expect(fake.finished).toHaveBeenCalled())
  expect(bodies[1]?.requestId).toBe(bodies[0]?.requestId)
})

test('a refused question is another one when it is asked again', async () => {
  const { fake, bodies } = server([new ApiError(409, 'SIMULATION_BUSY', 'busy')], [finished])
  const asker = createAsker(fake)
  asker.ask(A, 'Привезёте?', 0)
  await vi.waitFor(() => expect(asker.store.getState()[A]?.error?.reason).toBe('SIMULATION_BUSY'))
  asker.retry(A)
  await vi.waitFor(() => expect(bodies).toHaveLength(2))
  expect(bodies[1]?.requestId).not.toBe(bodies[0]?.requestId)
})

test('a stream that ends without an end is a broken one', async () => {
  const { fake } = server([accepted, delta(0, 'Да')])
  const asker = createAsker(fake)
  asker.ask(A, 'Привезёте?', 0)
  await vi.waitFor(() => expect(asker.store.getState()[A]?.error?.reason).toBe('NETWORK'))
  expect(fake.reread).toHaveBeenCalledWith(A)
})
