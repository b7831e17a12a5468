import type { Schemas } from '@neipix/api'
import { HttpResponse, http as msw } from 'msw'
import { http, problem } from './http'
import { tell } from './socket'
import { world } from './world'

type Conversation = Schemas['Conversation']
type Message = Schemas['Message']

interface Dialogues {
  readonly messages: Map<string, Message[]>
  readonly turns: Map<string, Schemas['Turn'][]>
  readonly explanations: Map<string, Schemas['Explanation']>
  /** Answers by the key of the call, as the product remembers them. */
  readonly sent: Map<string, Message>
}

// A new world has new dialogues.
const worlds = new WeakMap<Conversation[], Dialogues>()
let seq = 0
let made = 0

/** What was said in the dialogues of this world. */
export function dialogues(): Dialogues {
  const known = worlds.get(world.conversations)
  if (known) return known
  const messages = world.conversations.map((one): [string, Message[]] => [one.id, opening(one)])
  const fresh: Dialogues = {
    messages: new Map(messages),
    turns: new Map(),
    explanations: new Map(),
    sent: new Map(),
  }
  worlds.set(world.conversations, fresh)
  return fresh
}

/** As many messages as the dialogue counts, the last as it stands in the list. */
function opening(conversation: Conversation): Message[] {
  const last = conversation.lastMessage
  const count = Number(conversation.lastSeq)
  return Array.from({ length: count }, (_, n) =>
    n === count - 1 && last
      ? last
      : message(conversation.id, {
          seq: String(n + 1),
          author: n % 2 ? 'AUTHOR_ASSISTANT' : 'AUTHOR_CONTACT',
          text: n % 2 ? `Ответ ${n + 1}` : `Вопрос ${n + 1}`,
          turnId: `019d0000-0000-7000-9000-${String(n - (n % 2)).padStart(12, '0')}`,
          createTime: new Date(Date.now() - (count - n) * 60_000).toISOString(),
        }),
  )
}

/** A message with the usual rest. */
export function message(conversationId: string, change: Partial<Message>): Message {
  made += 1
  return {
    id: `019d0000-0000-7000-a000-${String(made).padStart(12, '0')}`,
    conversationId,
    seq: '1',
    author: 'AUTHOR_CONTACT',
    authorMemberId: '',
    turnId: '',
    text: '',
    interrupted: false,
    citations: [],
    deliveryState: 'DELIVERY_STATE_UNSPECIFIED',
    deliveryError: '',
    createTime: new Date().toISOString(),
    ...change,
  }
}

/** Tells every page. */
export function event(kind: string, data: Schemas['EventData']): void {
  seq += 1
  tell({ t: 'event', seq, kind, data })
}

/** Stores a message and tells every page; `quietly` leaves the telling to the test. */
export function say(id: string, change: Partial<Message>, quietly = false): Message {
  const list = dialogues().messages.get(id) ?? []
  const stored = message(id, { seq: String(list.length + 1), ...change })
  dialogues().messages.set(id, [...list, stored])
  put(id, { lastMessage: stored, lastSeq: stored.seq, updateTime: stored.createTime! })
  if (!quietly) event('message.created', { message: stored })
  return stored
}

/** Changes a stored message and tells every page. */
export function edit(id: string, messageId: string, change: Partial<Message>): Message {
  const list = dialogues().messages.get(id) ?? []
  const after = { ...list.find((one) => one.id === messageId)!, ...change }
  dialogues().messages.set(
    id,
    list.map((one) => (one.id === messageId ? after : one)),
  )
  event('message.delivery_changed', { message: after })
  return after
}

/** Changes who answers, and tells every page. */
export function hand(id: string, change: Partial<Conversation>): Conversation {
  const before = find(id)!
  const after = put(id, {
    ...change,
    handlerEpoch: String(Number(before.handlerEpoch) + 1),
    updateTime: new Date().toISOString(),
  })
  event('handler.changed', { conversation: after })
  return after
}

export function find(id: string): Conversation | undefined {
  return world.conversations.find((one) => one.id === id)
}

function put(id: string, change: Partial<Conversation>): Conversation {
  const at = world.conversations.findIndex((one) => one.id === id)
  const after = { ...world.conversations[at]!, ...change }
  world.conversations[at] = after
  return after
}

function page<T>(rows: readonly T[], size: string | null, token: string | null) {
  const from = Number(token ?? 0)
  const to = from + Math.min(200, Number(size) || 50)
  return { rows: rows.slice(from, to), nextPageToken: to < rows.length ? String(to) : '' }
}

function deed(change: (conversation: Conversation) => Partial<Conversation> | undefined) {
  return (id: string): Conversation | 'closed' | undefined => {
    const conversation = find(id)
    if (!conversation) return undefined
    const next = change(conversation)
    return next ? hand(id, next) : 'closed'
  }
}

const isClosed = ({ status }: Conversation) => status === 'CONVERSATION_STATUS_CLOSED'
const takeOver = deed((one) =>
  isClosed(one)
    ? undefined
    : {
        handler: 'HANDLER_OPERATOR',
        handlerMemberId: world.me.user!.id,
        status: 'CONVERSATION_STATUS_OPEN',
      },
)
const giveBack = deed((one) =>
  isClosed(one)
    ? undefined
    : { handler: 'HANDLER_ASSISTANT', handlerMemberId: '', status: 'CONVERSATION_STATUS_OPEN' },
)
const close = deed(() => ({
  handler: 'HANDLER_ASSISTANT',
  handlerMemberId: '',
  status: 'CONVERSATION_STATUS_CLOSED',
}))

const may = (permission: string) => world.me.permissions.includes(permission)
const forbidden = () => problem(403, 'PERMISSION_DENIED')
const missing = () => problem(404, 'NOT_FOUND')
const closed = () => problem(409, 'CONVERSATION_CLOSED')

/** The inbox of the mock server. */
export const chatHandlers = [
  http.get('/api/v1/chats', ({ query, response }) => {
    if (!may('chats.read')) return response.untyped(forbidden())
    const [status, handler, assistant, q] = ['status', 'handler', 'assistantId', 'q'].map((name) =>
      query.get(name as 'q'),
    )
    const fitting = world.conversations
      .filter(
        (row) =>
          (!status || row.status === status) &&
          (!handler || row.handler === handler) &&
          (!assistant || row.assistantId === assistant) &&
          (!q || row.contact!.displayName.toLowerCase().includes(q.toLowerCase())),
      )
      .sort((a, b) => (a.updateTime! < b.updateTime! ? 1 : -1))
    const { rows, nextPageToken } = page(fitting, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ conversations: rows, nextPageToken })
  }),
  http.get('/api/v1/chats/{id}', ({ params, response }) => {
    const one = find(params.id)
    return one ? response(200).json(one) : response.untyped(missing())
  }),
  http.get('/api/v1/chats/{conversationId}/messages', ({ params, query, response }) => {
    const list = dialogues().messages.get(params.conversationId)
    if (!list) return response.untyped(missing())
    const { rows, nextPageToken } = page(list.toReversed(), query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ messages: rows, nextPageToken })
  }),
  http.get('/api/v1/chats/{conversationId}/turns', ({ params, query, response }) => {
    const list = dialogues().turns.get(params.conversationId) ?? []
    const { rows, nextPageToken } = page(list.toReversed(), query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ turns: rows, nextPageToken })
  }),
  http.get('/api/v1/chats/{conversationId}/turns/{id}/explanation', ({ params, response }) => {
    const one = dialogues().explanations.get(params.id)
    return one ? response(200).json(one) : response.untyped(missing())
  }),
  http.get('/api/v1/chats/{conversationId}/messages/{id}/explanation', ({ params, response }) => {
    const one = dialogues().explanations.get(params.id)
    return one ? response(200).json(one) : response.untyped(missing())
  }),
  verb('takeOver', (id) => takeOver(id)),
  verb('return', (id) => giveBack(id)),
  verb('close', (id) => close(id)),
  http.post('/api/v1/chats/{conversationId}/messages', async ({ params, request, response }) => {
    const conversation = find(params.conversationId)
    const me = world.me.user!.id
    if (!conversation) return response.untyped(missing())
    if (isClosed(conversation)) return response.untyped(closed())
    if (conversation.handlerMemberId !== me) return response.untyped(problem(409, 'NOT_HANDLER'))
    const key = request.headers.get('idempotency-key') ?? crypto.randomUUID()
    const before = dialogues().sent.get(key)
    if (before) return response(200).json(before)
    const { text } = (await request.json()) as { text: string }
    const stored = say(conversation.id, {
      author: 'AUTHOR_OPERATOR',
      authorMemberId: me,
      text,
      deliveryState: 'DELIVERY_STATE_QUEUED',
    })
    dialogues().sent.set(key, stored)
    return response(200).json(stored)
  }),
  msw.post(/\/api\/v1\/chats\/[^/]+\/messages\/[^/:]+:resend$/, ({ request }) => {
    const [, , , , id = '', , last = ''] = new URL(request.url).pathname.split('/')
    const change = { deliveryState: 'DELIVERY_STATE_QUEUED', deliveryError: '' } as const
    return HttpResponse.json(edit(id, last.split(':')[0]!, change))
  }),
]

/** A deed on a dialogue. The typed paths of the mock server know no verbs. */
function verb(name: string, act: (id: string) => Conversation | 'closed' | undefined) {
  return msw.post(new RegExp(`/api/v1/chats/[^/:]+:${name}$`), ({ request }) => {
    const id = new URL(request.url).pathname.split('/').at(-1)!.split(':')[0]!
    const after = act(id)
    if (after === 'closed') return closed()
    return after ? HttpResponse.json(after) : missing()
  })
}
