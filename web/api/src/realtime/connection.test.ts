import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ApiError } from '../problem'
import { Connection, type ConnectionOptions, type ConnectionState, type Wire } from './connection'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A server with a log of numbered events, as the product's: it answers `resume` with all that came after. */
class Server {
  readonly log: number[] = []
  readonly wires = new Set<ServerWire>()
  /** Numbers up to here are no longer kept. */
  forgotten = 0
  reachable = true
  opened = 0

  append(): void {
    this.log.push(this.log.length + 1)
    for (const wire of this.wires) wire.deliver()
  }

  cut(code: number): void {
    for (const wire of [...this.wires]) wire.end(code)
  }
}

class ServerWire implements Wire {
  onopen: (() => void) | null = null
  onmessage: ((message: { data: unknown }) => void) | null = null
  onclose: ((close: { code: number; reason: string }) => void) | null = null
  private from: number | undefined
  /** Frames that the network says twice. */
  twice = false
  mute = false
  readonly said: unknown[] = []
  private readonly server: Server

  constructor(server: Server) {
    this.server = server
    server.wires.add(this)
    setTimeout(() => {
      if (!server.wires.has(this)) return
      if (!server.reachable) return this.end(1006)
      server.opened += 1
      this.onopen?.()
    }, 10)
  }

  send(text: string): void {
    const frame = JSON.parse(text) as { t: string; after?: number }
    this.said.push(frame)
    if (frame.t === 'hb' && !this.mute) this.onmessage?.({ data: '{"t":"hb"}' })
    if (frame.t !== 'resume') return
    this.from = frame.after ?? this.server.log.length
    if (frame.after !== undefined && frame.after < this.server.forgotten) {
      this.from = this.server.log.length
      this.onmessage?.({ data: JSON.stringify({ t: 'reset', seq: this.from }) })
    } else if (!this.mute) this.onmessage?.({ data: '{"t":"hb"}' })
    this.deliver()
  }

  deliver(): void {
    if (this.from === undefined || this.mute) return
    for (const seq of this.server.log.slice(this.from)) {
      this.from = seq
      const data = JSON.stringify({ t: 'event', seq, kind: 'message.created', data: null })
      this.onmessage?.({ data })
      if (this.twice) this.onmessage?.({ data })
    }
  }

  close(): void {
    this.server.wires.delete(this)
  }

  end(code: number, reason = ''): void {
    this.server.wires.delete(this)
    this.onclose?.({ code, reason })
  }
}

function client(server: Server, more: Partial<ConnectionOptions> = {}) {
  const told: number[] = []
  const states: ConnectionState[] = []
  let resyncs = 0
  const connection = new Connection({
    ticket: () =>
      server.reachable ? Promise.resolve('t') : Promise.reject(new ApiError(0, 'NETWORK', 'no network')),
    open: () => new ServerWire(server),
    refresh: () => Promise.resolve(true),
    onEvent: (event) => told.push(event.seq),
    onPassing: () => {},
    onResync: () => {
      resyncs += 1
      told.length = 0
      // The lists are read again: they hold all that happened so far.
      told.push(...server.log)
    },
    onState: (state) => states.push(state),
    random: () => 0.5,
    ...more,
  })
  return { connection, told, states, resyncs: () => resyncs }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ do: 'append' } as const) },
  fc.record({
    do: fc.constant('cut' as const),
    code: fc.constantFrom(1001, 1006, 1011, 1012, 1013, 4000, 4001, 4008),
  }),
  fc.constant({ do: 'twice' } as const),
  fc.constant({ do: 'mute' } as const),
  fc.constant({ do: 'forget' } as const),
  fc.record({ do: fc.constant('network' as const), up: fc.boolean() }),
  fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
)

test('whatever is cut, doubled or forgotten, the client ends with the list of the server, each event once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const server = new Server()
      const { connection, told } = client(server)
      connection.start()
      for (const one of steps) {
        if (one.do === 'append') server.append()
        if (one.do === 'cut') server.cut(one.code)
        if (one.do === 'twice') for (const wire of server.wires) wire.twice = true
        if (one.do === 'mute') for (const wire of server.wires) wire.mute = true
        if (one.do === 'forget') server.forgotten = server.log.length
        if (one.do === 'network') server.reachable = one.up
        await vi.advanceTimersByTimeAsync(one.do === 'time' ? one.ms : 5)
      }
      server.reachable = true
      await vi.advanceTimersByTimeAsync(200_000)
      expect(told).toEqual(server.log)
      expect(server.wires.size).toBe(1)
      connection.stop()
      expect(server.wires.size).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('a socket that falls silent is given up after a minute, one that answers is kept', async () => {
  const server = new Server()
  const { connection, states } = client(server)
  connection.start()
  await vi.advanceTimersByTimeAsync(180_000)
  expect(server.opened).toBe(1)
  for (const wire of server.wires) wire.mute = true
  await vi.advanceTimersByTimeAsync(34_000)
  expect([server.opened, states.at(-1)]).toEqual([1, { is: 'live' }])
  await vi.advanceTimersByTimeAsync(27_000)
  expect([server.opened, states.at(-1)]).toEqual([2, { is: 'live' }])
})

test('a missing number is not passed over: the socket begins again behind the last one', async () => {
  const server = new Server()
  const { connection, told } = client(server)
  connection.start()
  await vi.advanceTimersByTimeAsync(20)
  server.append()
  const [wire] = server.wires
  server.log.push(2)
  wire!.onmessage?.({ data: JSON.stringify({ t: 'event', seq: 3, kind: 'x', data: null }) })
  server.log.push(3)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(told).toEqual([1, 2, 3])
})

test('waits grow up to half a minute and begin anew after a socket that lived', async () => {
  const server = new Server()
  server.reachable = false
  const times: number[] = []
  const { connection } = client(server, {
    ticket: () => {
      times.push(Date.now())
      return Promise.reject(new ApiError(503, 'UNAVAILABLE', 'later'))
    },
    random: () => 0.999_999,
  })
  connection.start()
  await vi.advanceTimersByTimeAsync(200_000)
  const waits = times.slice(1).map((time, i) => Math.round((time - times[i]!) / 100) / 10)
  expect(waits.slice(0, 9)).toEqual([0.5, 1, 2, 4, 8, 16, 30, 30, 30])
  connection.stop()

  const good = client(server, { random: () => 0.999_999 })
  server.reachable = true
  good.connection.start()
  for (let i = 0; i < 3; i += 1) {
    await vi.advanceTimersByTimeAsync(31_000)
    const opened = server.opened
    server.cut(1006)
    await vi.advanceTimersByTimeAsync(520)
    expect(server.opened).toBe(opened + 1)
  }
})

test.each([
  [1000, 'done'],
  [1008, 'forbidden'],
  [4003, 'forbidden'],
  [1009, 'protocol'],
] as const)('after %i it stops and says %s', async (code, why) => {
  const server = new Server()
  const { connection, states } = client(server)
  connection.start()
  await vi.advanceTimersByTimeAsync(20)
  server.cut(code)
  await vi.advanceTimersByTimeAsync(120_000)
  expect(states.at(-1)).toEqual({ is: 'stopped', why })
  expect(server.opened).toBe(1)
})

test('an ended access token is renewed first; an ended session stops it', async () => {
  const server = new Server()
  let session = true
  const { connection, states } = client(server, { refresh: () => Promise.resolve(session) })
  connection.start()
  await vi.advanceTimersByTimeAsync(20)
  server.cut(4001)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(server.opened).toBe(2)
  session = false
  server.cut(4001)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(states.at(-1)).toEqual({ is: 'stopped', why: 'signed_out' })
})

test('a limit is waited for as long as the server says, but a returning network is not', async () => {
  const server = new Server()
  const { connection } = client(server)
  connection.start()
  await vi.advanceTimersByTimeAsync(20)
  for (const wire of [...server.wires]) wire.end(4029, '45')
  await vi.advanceTimersByTimeAsync(44_000)
  expect(server.opened).toBe(1)
  await vi.advanceTimersByTimeAsync(2_000)
  expect(server.opened).toBe(2)
  server.cut(1013)
  await vi.advanceTimersByTimeAsync(100)
  connection.hurry()
  await vi.advanceTimersByTimeAsync(100)
  expect(server.opened).toBe(3)
})

test('dialogues are watched on every new socket, and no longer when they were left', async () => {
  const server = new Server()
  const { connection } = client(server)
  connection.watch('a')
  connection.watch('b')
  connection.start()
  await vi.advanceTimersByTimeAsync(20)
  connection.unwatch('b')
  server.cut(1006)
  await vi.advanceTimersByTimeAsync(1_000)
  const [wire] = server.wires
  expect(wire!.said.filter((frame) => (frame as { t: string }).t === 'watch')).toEqual([
    { t: 'watch', conversation: 'a' },
  ])
})
