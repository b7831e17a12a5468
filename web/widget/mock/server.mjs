/* The widget's host without the product: pages as the edge serves them, calls answered by `dialogues.mjs`. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Dialogues } from './dialogues.mjs'

const dist = fileURLToPath(new URL('../../dist/widget', import.meta.url))
const TYPES = { js: 'text/javascript', css: 'text/css', html: 'text/html', map: 'application/json' }

/** The frame's policy as the specification has it. */
const policy = (origins) =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "media-src 'self' blob:",
    "worker-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "object-src 'none'",
    `frame-ancestors ${origins.join(' ')}`,
    "require-trusted-types-for 'script'",
    'trusted-types neipix',
  ].join('; ')

const STATUS = { VISITOR_TOKEN_INVALID: 401, IDENTITY_INVALID: 401, TOKEN_INVALID: 401, PROOF_REQUIRED: 428 }

/**
 * Starts the stand-in. `config` is the widget's page; `calls` tells what has been asked for.
 * @param {{ port?: number, config: Record<string, unknown> }} options
 */
export async function startMock({ port = 0, config }) {
  const mock = {
    dialogues: new Dialogues(),
    config,
    calls: [],
    /** What happens to the next sends: `lost` before it is taken, `cut` after, `busy`, `late`. */
    faults: [],
    /** Bits of the proof that sends need; 0 = none. */
    proofBits: 0,
    proofs: 0,
    streams: new Set(),
    /** No call is answered and no stream lives while true. */
    down: false,
    cut() {
      for (const stream of mock.streams) stream.destroy()
    },
    violations: [],
  }
  const server = createServer((request, response) => {
    handle(mock, request, response).catch((error) => {
      console.error(error)
      response.destroy()
    })
  })
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready))
  mock.port = server.address().port
  mock.origin = `http://widget.localhost:${mock.port}`
  mock.close = () => {
    server.closeAllConnections()
    return new Promise((done) => server.close(done))
  }
  return mock
}

async function handle(mock, request, response) {
  const url = new URL(request.url, mock.origin)
  mock.calls.push(`${request.method} ${url.pathname}`)
  if (mock.down) return void request.socket.destroy()
  const { key } = mock.config
  if (url.pathname.startsWith(`/api/v1/widget/${key}/`)) {
    return api(mock, request, response, url.pathname.slice(`/api/v1/widget/${key}`.length), url.searchParams)
  }
  if (url.pathname === `/v1/${key}.js`) {
    const shown = { ...mock.config, origins: undefined }
    return page(response, 'loader.js', JSON.stringify(shown), {
      'cross-origin-resource-policy': 'cross-origin',
    })
  }
  if (url.pathname === `/f/${key}`) {
    const data = JSON.stringify(mock.config).replace(/</g, '\\u003c')
    return page(response, 'index.html', data, {
      'content-security-policy': policy(mock.config.origins),
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'cross-origin',
    })
  }
  if (/^\/assets\/[\w.-]+$/.test(url.pathname)) {
    return page(response, url.pathname.slice(1), undefined, {
      'cross-origin-embedder-policy': 'require-corp',
      'cross-origin-resource-policy': 'same-origin',
    })
  }
  response.writeHead(404).end()
}

async function page(response, name, data, headers) {
  const bytes = await readFile(join(dist, name))
  const body = data === undefined ? bytes : bytes.toString().replace('__NEIPIX_WIDGET_CONFIG__', () => data)
  const type = TYPES[name.split('.').at(-1)] ?? 'application/octet-stream'
  response.writeHead(200, {
    'content-type': `${type}; charset=utf-8`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-cache',
    ...headers,
  })
  response.end(body)
}

async function bodyOf(request) {
  const pieces = []
  for await (const piece of request) pieces.push(piece)
  return JSON.parse(Buffer.concat(pieces).toString() || '{}')
}

function json(response, status, body) {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' })
  response.end(JSON.stringify(body))
}

function refuse(response, reason, more = {}) {
  const status = more.status ?? STATUS[reason] ?? 400
  json(response, status, { type: '', title: reason, detail: reason, trace_id: '', reason, ...more, status })
}

async function api(mock, request, response, path, query) {
  const { dialogues } = mock
  if (path === '/visitor') {
    const session = dialogues.start(await bodyOf(request))
    return session.refused ? refuse(response, session.refused) : json(response, 200, session)
  }
  if (path === '/visitor:reset') {
    dialogues.reset((await bodyOf(request)).visitorToken)
    return json(response, 200, {})
  }
  const visitor = dialogues.access.get(request.headers.authorization?.replace(/^Bearer /, ''))
  if (!visitor) return refuse(response, 'TOKEN_INVALID')
  if (path === '/messages' && request.method === 'POST') return send(mock, request, response, visitor)
  if (path === '/messages') {
    return json(
      response,
      200,
      dialogues.list(visitor, Number(query.get('pageSize') ?? 50), query.get('pageToken')),
    )
  }
  if (path === '/events') return stream(mock, request, response, visitor)
  if (path === '/visitor:typing') return json(response, 200, {})
  return refuse(response, 'NOT_FOUND', { status: 404 })
}

async function send(mock, request, response, visitor) {
  const call = await bodyOf(request)
  const fault = mock.faults.shift()
  if (fault === 'lost') return void request.socket.destroy()
  if (fault === 'busy') return refuse(response, 'RATE_LIMITED', { status: 429 })
  if (mock.proofBits > 0 && !proven(call.proof)) {
    const challenge = `npx1.${mock.proofBits}.${Math.floor(Date.now() / 1000) + 120}.${mock.proofs}`
    return refuse(response, 'PROOF_REQUIRED', { challenge })
  }
  if (call.proof) mock.proofs += 1
  const sent = mock.dialogues.send(visitor, call)
  if (fault === 'cut') return void request.socket.destroy()
  if (fault === 'late') await new Promise((next) => setTimeout(next, 1500))
  json(response, 200, sent)
}

function proven(proof) {
  if (!proof) return false
  const bits = Number(proof.challenge.split('.')[1])
  const hash = createHash('sha256').update(`${proof.challenge}.${proof.n}`).digest()
  return hash.readUInt32BE() >>> (32 - bits) === 0
}

function stream(mock, request, response, visitor) {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
  })
  const tell = (event, data, id) =>
    response.write(`${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  const after = Number(request.headers['last-event-id'] ?? 0)
  response.write('retry: 2000\n: hb\n\n')
  // A new visitor has nothing to follow before the first word.
  const dialogue = visitor.dialogue
  if (dialogue) {
    tell('state', dialogue.state())
    for (const message of dialogue.messages.slice(after)) tell('message', message, message.seq)
    if (dialogue.answer) tell('partial', dialogue.partial())
    dialogue.watchers.add(tell)
  }
  mock.streams.add(response)
  response.on('close', () => {
    dialogue?.watchers.delete(tell)
    mock.streams.delete(response)
  })
}
