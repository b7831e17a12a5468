import { ApiError, Outbox, type Outgoing } from '@neipix/api/sending'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { BrowserShelf } from './shelf'
import { uuid7 } from './uuid7'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  vi.useRealTimers()
  localStorage.clear()
})

type Fault = 'lost' | 'answer lost' | 'busy' | 'fine'

/** The product: a repeat of a client id is the same message, whether or not the first answer arrived. */
class Server {
  readonly said: string[] = []
  readonly faults: Fault[] = []

  post = async ({ id }: Outgoing): Promise<void> => {
    const fault = this.faults.shift() ?? 'fine'
    await new Promise((done) => setTimeout(done, 20))
    if (fault === 'lost') throw new ApiError(0, 'NETWORK', 'no network')
    if (fault === 'busy') throw new ApiError(429, 'RATE_LIMITED', 'later', undefined, 2)
    if (!this.said.includes(id)) this.said.push(id)
    if (fault === 'answer lost') throw new ApiError(0, 'NETWORK', 'cut')
  }
}

/** A tab: it shares the browser's storage with the others, and holds no lock. */
function tab(server: Server): Outbox<void> {
  const outbox = new Outbox<void>({
    post: server.post,
    onSent: () => {},
    onChange: () => {},
    shelf: new BrowserShelf('wk_1', () => localStorage),
    random: () => 0.5,
  })
  outbox.start()
  return outbox
}

const which = fc.nat({ max: 2 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), tab: which }) },
  fc.record({ do: fc.constant('reload' as const), tab: which }),
  fc.record({ do: fc.constant('open' as const), tab: which }),
  fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 5000 }) }),
  fc.record({
    do: fc.constant('faults' as const),
    faults: fc.array(fc.constantFrom<Fault>('lost', 'answer lost', 'busy', 'fine'), { maxLength: 5 }),
  }),
)

test('C-12: any order of losses, reloads and tabs sends each message once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      localStorage.clear()
      const server = new Server()
      const tabs = [tab(server)]
      const written: string[] = []
      const at = (index: number) => tabs[index % tabs.length]!
      for (const one of steps) {
        if (one.do === 'write') {
          const id = uuid7(Date.now())
          written.push(id)
          at(one.tab).add({ id, conversation: 'visitor', text: id, at: Date.now() })
        } else if (one.do === 'reload') {
          at(one.tab).stop()
          tabs[one.tab % tabs.length] = tab(server)
        } else if (one.do === 'open') {
          if (tabs.length < 3) tabs.push(tab(server))
        } else if (one.do === 'faults') {
          server.faults.push(...one.faults)
        } else {
          await vi.advanceTimersByTimeAsync(one.ms)
        }
      }
      server.faults.length = 0
      await vi.advanceTimersByTimeAsync(120_000)
      expect([...server.said].sort()).toEqual([...written].sort())
      expect(new BrowserShelf('wk_1', () => localStorage).load()).toEqual([])
      for (const one of tabs) {
        expect(one.list()).toEqual([])
        one.stop()
      }
    }),
    { numRuns: 60 },
  )
})

test('ids sort by time and never meet', () => {
  const early = uuid7(1_764_000_000_000)
  const late = uuid7(1_764_000_000_001)
  expect(early).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  expect(early < late).toBe(true)
  expect(uuid7(1, new Uint8Array(10).fill(255))).toBe('00000000-0001-7fff-bfff-ffffffffffff')
  expect(new Set(Array.from({ length: 1000 }, () => uuid7(1))).size).toBe(1000)
})
