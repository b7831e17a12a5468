import { Connection, type Schemas, type Wire } from '@neipix/api'
import { api } from '@app/shared/api'
import { QueryClient } from '@tanstack/react-query'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NOTHING, valueOf, type Known } from './dialogue'
import { fits, type DialogueFilter, type DialogueList } from './dialogue-list'
import { Feed } from './feed'
import { LiveAnswers } from './live-answers'
import { dialogue, dialogueList, moreDialogues, olderMessages, thread } from './queries'
import type { Thread } from './thread'
import { transcriptItems } from './transcript-items'

/*
 * The promise of the inbox: any order of drops, duplicates, late answers and reconnects ends in the server's list.
 */

beforeEach(() => {
  vi.useFakeTimers()
  vi.setSystemTime(new Date('2026-11-30T12:00:00Z'))
  api.session.accept({ accessToken: 'token', expiresInSeconds: 1_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
  api.session.clear()
})

const DIALOGUES = ['a', 'b', 'c', 'd', 'e', 'f']
const EMPTY_MESSAGE = {
  authorMemberId: '',
  turnId: '',
  interrupted: false,
  deliveryError: '',
} as const

/** The product as far as an inbox sees it. */
class Server {
  readonly conversations = new Map<string, Schemas['Conversation']>()
  readonly messages = new Map<string, Schemas['Message'][]>()
  /** Ids of what changed, as the product keeps them: the object is filled in when it is told. */
  readonly log: { kind: string; conversation: string; message?: string }[] = []
  readonly wires = new Set<ServerWire>()
  forgotten = 0
  reachable = true
  private clock = 0
  private made = 0

  constructor() {
    for (const id of DIALOGUES) this.open(id)
  }

  private time(): string {
    this.clock += 1
    return new Date(Date.UTC(2026, 10, 30, 10, 0, 0, this.clock)).toISOString()
  }

  private open(id: string): void {
    const time = this.time()
    this.messages.set(id, [])
    this.conversations.set(id, {
      id,
      assistantId: 'as',
      channelId: 'ch',
      channelKind: 'CHANNEL_KIND_TELEGRAM',
      contact: { id: `contact ${id}`, displayName: `Имя ${id}` },
      status: 'CONVERSATION_STATUS_OPEN',
      handler: 'HANDLER_ASSISTANT',
      handlerMemberId: '',
      handlerEpoch: '1',
      lastSeq: '0',
      createTime: time,
      updateTime: time,
    })
  }

  say(id: string, count: number): void {
    for (let n = 0; n < count; n += 1) {
      const list = this.messages.get(id)!
      const createTime = this.time()
      this.made += 1
      const message: Schemas['Message'] = {
        ...EMPTY_MESSAGE,
        citations: [],
        id: `m${this.made}`,
        conversationId: id,
        seq: String(list.length + 1),
        author: this.made % 3 ? 'AUTHOR_CONTACT' : 'AUTHOR_OPERATOR',
        text: `№ ${this.made}`,
        deliveryState: 'DELIVERY_STATE_QUEUED',
        createTime,
      }
      list.push(message)
      const before = this.conversations.get(id)!
      this.conversations.set(id, {
        ...before,
        lastMessage: message,
        lastSeq: message.seq,
        updateTime: createTime,
      })
      this.tell({ kind: 'message.created', conversation: id, message: message.id })
    }
  }

  deliver(id: string, nth: number): void {
    const list = this.messages.get(id)!
    const at = list.length - 1 - (nth % Math.max(1, list.length))
    const message = list[at]
    if (!message) return
    list[at] = { ...message, deliveryState: 'DELIVERY_STATE_SENT' }
    const conversation = this.conversations.get(id)!
    if (conversation.lastMessage?.id === message.id)
      this.conversations.set(id, { ...conversation, lastMessage: list[at] })
    this.tell({ kind: 'message.delivery_changed', conversation: id, message: message.id })
  }

  change(id: string, to: Partial<Schemas['Conversation']>): void {
    const before = this.conversations.get(id)!
    const handed = to.handler !== undefined && to.handler !== before.handler
    const handlerEpoch = handed ? String(Number(before.handlerEpoch) + 1) : before.handlerEpoch
    this.conversations.set(id, { ...before, ...to, handlerEpoch, updateTime: this.time() })
    this.tell({ kind: handed ? 'handler.changed' : 'conversation.updated', conversation: id })
  }

  private tell(event: Server['log'][number]): void {
    this.log.push(event)
    for (const wire of [...this.wires]) wire.deliver()
  }

  data({ kind, conversation, message }: Server['log'][number]): Schemas['EventData'] {
    if (!kind.startsWith('message.')) return { conversation: this.conversations.get(conversation)! }
    return { message: this.messages.get(conversation)!.find((one) => one.id === message)! }
  }

  list(filter: DialogueFilter): Schemas['Conversation'][] {
    return [...this.conversations.values()]
      .filter((one) => fits(filter, one))
      .sort((a, b) => (a.updateTime! < b.updateTime! ? 1 : -1))
  }

  cut(): void {
    for (const wire of [...this.wires]) wire.end(1006)
  }

  /** Pages are smaller than asked for, so that few rows make many of them. */
  answer(url: URL): unknown {
    const [, , , chats, id, what] = url.pathname.split('/')
    const query = url.searchParams
    if (chats !== 'chats') throw new Error(url.pathname)
    if (id === undefined) {
      const after = query.get('pageToken')
      const all = this.list({ status: (query.get('status') as DialogueFilter['status']) ?? undefined })
      const rows = all.filter((row) => !after || row.updateTime! < after).slice(0, 2)
      const more = all.at(-1) !== rows.at(-1) && rows.length > 0
      return { conversations: rows, nextPageToken: more ? rows.at(-1)!.updateTime : '' }
    }
    if (what === undefined) return this.conversations.get(id)
    if (what === 'turns') return { turns: [], nextPageToken: '' }
    const before = Number(query.get('pageToken') ?? Infinity)
    const page = this.messages
      .get(id)!
      .filter((one) => Number(one.seq) < before)
      .slice(-4)
    return {
      messages: page.toReversed(),
      nextPageToken: page[0] && Number(page[0].seq) > 1 ? page[0].seq : '',
    }
  }
}

class ServerWire implements Wire {
  onopen: (() => void) | null = null
  onmessage: ((message: { data: unknown }) => void) | null = null
  onclose: ((close: { code: number; reason: string }) => void) | null = null
  private from: number | undefined
  /** Frames that the network says twice. */
  twice = false
  /** Frames that the network loses without a word. */
  mute = false
  private readonly server: Server

  constructor(server: Server) {
    this.server = server
    server.wires.add(this)
    setTimeout(() => {
      if (!server.wires.has(this)) return
      if (!server.reachable) return this.end(1006)
      this.onopen?.()
    }, 10)
  }

  send(text: string): void {
    const frame = JSON.parse(text) as { t: string; after?: number }
    if (frame.t === 'hb') this.frame({ t: 'hb' })
    if (frame.t !== 'resume') return
    // The server takes its time: what happens meanwhile is in front of the stream.
    setTimeout(() => {
      if (!this.server.wires.has(this)) return
      this.from = frame.after ?? this.server.log.length
      if (frame.after !== undefined && frame.after < this.server.forgotten) {
        this.from = this.server.log.length
        this.frame({ t: 'reset', seq: this.from })
      } else this.frame({ t: 'hb' })
      this.deliver()
    }, 15)
  }

  deliver(): void {
    if (this.from === undefined) return
    for (const event of this.server.log.slice(this.from)) {
      this.from += 1
      const frame = { t: 'event', seq: this.from, kind: event.kind, data: this.server.data(event) }
      if (this.mute) continue
      this.frame(frame)
      if (this.twice) this.frame(frame)
    }
  }

  private frame(frame: unknown): void {
    if (!this.mute) this.onmessage?.({ data: JSON.stringify(frame) })
  }

  close(): void {
    this.server.wires.delete(this)
  }

  end(code: number): void {
    this.server.wires.delete(this)
    this.onclose?.({ code, reason: '' })
  }
}

const OPEN: DialogueFilter = { status: 'CONVERSATION_STATUS_OPEN' }

/** A page of the app: everything but its drawing. */
function client(server: Server, latency: () => { read: number; bring: number; lost: boolean }) {
  vi.stubGlobal('fetch', async (request: Request) => {
    const { read, bring, lost } = latency()
    await new Promise((done) => setTimeout(done, read))
    if (!server.reachable || lost) throw new TypeError('no network')
    const body = JSON.stringify(server.answer(new URL(request.url)))
    await new Promise((done) => setTimeout(done, bring))
    if (request.signal.aborted) throw new DOMException('aborted', 'AbortError')
    return new Response(body, { headers: { 'content-type': 'application/json' } })
  })
  const queries = new QueryClient({
    defaultOptions: { queries: { networkMode: 'always', retry: 2, retryDelay: 50 } },
  })
  const feed = new Feed(queries, new LiveAnswers())
  const connection = new Connection({
    ticket: async () => 'ticket',
    open: () => new ServerWire(server),
    refresh: async () => true,
    onEvent: (event) => feed.event(event),
    onPassing: (frame) => feed.passing(frame),
    onResync: () => feed.resync(),
    onState: () => {},
    random: () => 0.5,
  })
  const look = {
    all: () => queries.getQueryData<DialogueList>(dialogueList({}).queryKey),
    open: () => queries.getQueryData<DialogueList>(dialogueList(OPEN).queryKey),
    thread: () => queries.getQueryData<Thread>(thread('a').queryKey),
    dialogue: () => queries.getQueryData<Known>(dialogue('a').queryKey),
  }
  return { queries, connection, look }
}

/** Reads what an inbox with an open dialogue reads, as its screen would. */
async function visit({ queries }: ReturnType<typeof client>): Promise<void> {
  const wanted = [dialogueList({}), dialogueList(OPEN), thread('a'), dialogue('a')] as const
  for (const options of wanted) {
    const state = queries.getQueryState(options.queryKey)
    const cold = state?.dataUpdatedAt === undefined || state.isInvalidated || state.status !== 'success'
    if (cold) void queries.prefetchQuery({ ...options, staleTime: 0 } as never)
  }
}

const id = fc.constantFrom(...DIALOGUES)
const act = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('say' as const), id, n: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('say' as const),
      id: fc.constant('a'),
      n: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver' as const), id, n: fc.nat(5) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('close' as const), id }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hand' as const), id }) },
  { weight: 2, arbitrary: fc.constant({ do: 'cut' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'twice' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'mute' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'forget' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'unplug' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'plug' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'older' } as const) },
  { weight: 2, arbitrary: fc.constant({ do: 'more' } as const) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 400 }) }),
  },
)

type Act = typeof act extends fc.Arbitrary<infer T> ? T : never

async function play(server: Server, page: ReturnType<typeof client>, step: Act): Promise<void> {
  switch (step.do) {
    case 'say':
      return server.say(step.id, step.n)
    case 'deliver':
      return server.deliver(step.id, step.n)
    case 'close': {
      const closed = server.conversations.get(step.id)!.status === 'CONVERSATION_STATUS_CLOSED'
      const status = closed ? 'CONVERSATION_STATUS_OPEN' : 'CONVERSATION_STATUS_CLOSED'
      return server.change(step.id, { status })
    }
    case 'hand': {
      const held = server.conversations.get(step.id)!.handler === 'HANDLER_OPERATOR'
      return server.change(step.id, { handler: held ? 'HANDLER_ASSISTANT' : 'HANDLER_OPERATOR' })
    }
    case 'cut':
      return server.cut()
    case 'twice':
      for (const wire of server.wires) wire.twice = true
      return
    case 'mute':
      for (const wire of server.wires) wire.mute = true
      return
    case 'forget':
      server.forgotten = server.log.length
      return
    case 'unplug':
      server.reachable = false
      return server.cut()
    case 'plug':
      server.reachable = true
      return
    case 'older':
      return void olderMessages(page.queries, 'a').catch(() => {})
    case 'more':
      return void moreDialogues(page.queries, {}).catch(() => {})
    case 'time':
      await vi.advanceTimersByTimeAsync(step.ms)
      return visit(page)
  }
}

test('any order of drops, duplicates, late answers and reconnects ends in the list of the server', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { minLength: 5, maxLength: 40 }),
      fc.array(fc.record({ read: fc.nat(150), bring: fc.nat(150), lost: fc.integer({ max: 9, min: 0 }) }), {
        minLength: 1,
        maxLength: 20,
      }),
      async (steps, latencies) => {
        const server = new Server()
        let n = 0
        let calm = false
        const page = client(server, () => {
          const { read, bring, lost } = latencies[(n += 1) % latencies.length]!
          return { read, bring, lost: !calm && lost === 0 }
        })
        page.connection.start()
        await visit(page)
        for (const step of steps) await play(server, page, step)

        calm = true
        server.reachable = true
        // Longer than the silence after which a mute socket is given up, and than the back-off.
        for (let second = 0; second < 30; second += 1) {
          await vi.advanceTimersByTimeAsync(5_000)
          await visit(page)
        }
        page.connection.stop()
        expectServersList(server, page)
        page.queries.clear()
      },
    ),
    { numRuns: 200 },
  )
}, 60_000)

function expectServersList(server: Server, { look }: ReturnType<typeof client>): void {
  for (const [filter, list] of [
    [{}, look.all()],
    [OPEN, look.open()],
  ] as const) {
    const rows = list!.rows
    const all = server.list(filter)
    expect(rows).toEqual(all.slice(0, rows.length))
    if (list!.next === undefined) expect(rows).toHaveLength(all.length)
  }
  expect(valueOf(look.dialogue() ?? NOTHING)).toEqual(server.conversations.get('a'))
  const known = look.thread()!
  const all = server.messages.get('a')!
  expect(known.gap).toBeUndefined()
  expect(known.messages.map((kept) => kept.value)).toEqual(all.slice(all.length - known.messages.length))
  if (known.olderMessages === undefined) expect(known.messages).toHaveLength(all.length)
  const drawn = transcriptItems({
    thread: known,
    conversation: undefined,
    passed: { answers: [], typing: [] },
    outgoing: [],
    me: 'me',
    arrived: new Map(),
  })
  const keys = drawn.map((item) => item.key)
  expect(new Set(keys).size).toBe(keys.length)
}
