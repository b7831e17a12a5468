import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Outbox, REMEMBERED, type Outgoing, type OutboxOptions, type Shelf } from './outbox'
import { ApiError } from './problem'
import { browserShelf } from './shelf'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  localStorage.clear()
})

class MemoryShelf implements Shelf {
  readonly kept = new Map<string, Outgoing>()
  load = () => [...this.kept.values()]
  put = (item: Outgoing) => void this.kept.set(item.id, item)
  remove = (id: string) => void this.kept.delete(id)
}

/** The product: a repeat of an id is the same message, whether or not the first answer arrived. */
class Server {
  readonly lists = new Map<string, string[]>()
  /** What happens to the next calls. */
  readonly faults: ('refused' | 'answer lost' | 'busy' | 'fine')[] = []

  post = async (item: Outgoing): Promise<string> => {
    const fault = this.faults.shift() ?? 'fine'
    await new Promise((done) => setTimeout(done, 20))
    if (fault === 'refused') throw new ApiError(0, 'NETWORK', 'no network')
    if (fault === 'busy') throw new ApiError(429, 'RATE_LIMITED', 'later', undefined, 2)
    const list = this.lists.get(item.conversation) ?? []
    if (!list.includes(item.id)) list.push(item.id)
    this.lists.set(item.conversation, list)
    if (fault === 'answer lost') throw new ApiError(0, 'NETWORK', 'cut')
    return item.id
  }
}

function box(server: Server, shelf: Shelf, more: Partial<OutboxOptions<string>> = {}) {
  const sent: string[] = []
  const outbox = new Outbox<string>({
    post: server.post,
    onSent: (item) => sent.push(item.id),
    onChange: () => {},
    shelf,
    random: () => 0.5,
    ...more,
  })
  return { outbox, sent }
}

const fault = fc.constantFrom('refused' as const, 'answer lost' as const, 'busy' as const, 'fine' as const)
const act = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), to: fc.constantFrom('a', 'b') }) },
  fc.record({ do: fc.constant('faults' as const), faults: fc.array(fault, { maxLength: 6 }) }),
  fc.constant({ do: 'reload' } as const),
  fc.constant({ do: 'hurry' } as const),
  fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
)

test('whatever is lost on the way, each message arrives once and in its order, over reloads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
      const server = new Server()
      const shelf = new MemoryShelf()
      let { outbox } = box(server, shelf)
      outbox.start()
      const written: Record<string, string[]> = { a: [], b: [] }
      let count = 0
      for (const one of acts) {
        if (one.do === 'write') {
          const id = `m${(count += 1)}`
          written[one.to]!.push(id)
          outbox.add({ id, conversation: one.to, text: id, at: Date.now() })
        }
        if (one.do === 'faults') server.faults.push(...one.faults)
        if (one.do === 'hurry') outbox.hurry()
        if (one.do === 'reload') {
          outbox.stop()
          outbox = box(server, shelf).outbox
          outbox.start()
        }
        await vi.advanceTimersByTimeAsync(one.do === 'time' ? one.ms : 5)
      }
      server.faults.length = 0
      await vi.advanceTimersByTimeAsync(120_000)
      expect(server.lists.get('a') ?? []).toEqual(written['a'])
      expect(server.lists.get('b') ?? []).toEqual(written['b'])
      expect(outbox.list()).toEqual([])
      expect(shelf.load()).toEqual([])
    }),
    { numRuns: 300 },
  )
})

test('a refusal stays with its reason, holds back what follows, and is sent again or given up by the person', async () => {
  const server = new Server()
  let refuse = true
  const post = (item: Outgoing) =>
    refuse ? Promise.reject(new ApiError(409, 'NOT_HANDLER', 'taken')) : server.post(item)
  const { outbox } = box(server, new MemoryShelf(), { post })
  outbox.start()
  outbox.add({ id: '1', conversation: 'a', text: 'раз', at: Date.now() })
  outbox.add({ id: '2', conversation: 'a', text: 'два', at: Date.now() })
  await vi.advanceTimersByTimeAsync(60_000)
  expect(outbox.list().map((item) => [item.id, item.state, item.reason])).toEqual([
    ['1', 'failed', 'NOT_HANDLER'],
    ['2', 'queued', undefined],
  ])
  refuse = false
  outbox.again('1')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(server.lists.get('a')).toEqual(['1', '2'])

  refuse = true
  outbox.add({ id: '3', conversation: 'a', text: 'три', at: Date.now() })
  await vi.advanceTimersByTimeAsync(1_000)
  outbox.add({ id: '4', conversation: 'a', text: 'четыре', at: Date.now() })
  refuse = false
  outbox.discard('3')
  await vi.advanceTimersByTimeAsync(1_000)
  expect(server.lists.get('a')).toEqual(['1', '2', '4'])
})

test('a message older than the server remembers is not sent by itself', async () => {
  const server = new Server()
  const shelf = new MemoryShelf()
  shelf.put({ id: '1', conversation: 'a', text: 'вчера', at: Date.now() - REMEMBERED - 1, state: 'sending' })
  const { outbox } = box(server, shelf)
  outbox.start()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(server.lists.size).toBe(0)
  expect(outbox.list()[0]).toMatchObject({ state: 'failed', reason: 'TOO_OLD' })
})

test('pages of one browser do not write over each other, people do not see each other', () => {
  const [one, two] = [browserShelf('anna', localStorage), browserShelf('anna', localStorage)]
  const item = { conversation: 'a', text: 'т', state: 'queued' as const }
  one.put({ ...item, id: '2', at: 2 })
  two.put({ ...item, id: '1', at: 1 })
  expect(one.load().map((kept) => kept.id)).toEqual(['1', '2'])
  expect(browserShelf('boris', localStorage).load()).toEqual([])
  localStorage.setItem('npx:outbox:v1:anna:3', '{"id":7}')
  localStorage.setItem('npx:outbox:v1:anna:4', '{"id"')
  two.remove('2')
  expect(one.load().map((kept) => kept.id)).toEqual(['1'])
})
