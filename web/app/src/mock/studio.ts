import type { Schemas } from '@neipix/api'
import { http as msw, HttpResponse } from 'msw'
import { http, onVerb, problem } from './http'
import { world } from './world'

type Assistant = Schemas['Assistant']
type KnowledgeFile = Schemas['KnowledgeFile']

/** Where the mock storage takes uploads. */
export const STORAGE = 'http://files.localhost:9000/knowledge'

/** What belongs to assistants. */
export interface Studio {
  versions: Map<string, Schemas['AssistantSpec']>
  files: KnowledgeFile[]
  channels: Schemas['Channel'][]
  /** Idempotency-Key → what was made. */
  made: Map<string, string>
}

const studios = new WeakMap<Assistant[], Studio>()

/** The studio of the present world: a fresh world has a fresh one. */
export function studio(): Studio {
  const known = studios.get(world.assistants)
  if (known) return known
  const fresh = newStudio()
  studios.set(world.assistants, fresh)
  return fresh
}

let count = 0
export function newId(): string {
  count += 1
  return `019d0000-0000-7000-8001-${count.toString(16).padStart(12, '0')}`
}
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()

export function knowledgeFile(changes: Partial<KnowledgeFile>): KnowledgeFile {
  return {
    id: newId(),
    assistantId: '',
    name: 'Прайс 2026.pdf',
    mediaType: 'application/pdf',
    sizeBytes: '1482133',
    sha256: '',
    status: 'FILE_STATUS_READY',
    queuePosition: 0,
    disabled: false,
    passageCount: 84,
    pageCount: 12,
    replacesId: '',
    etag: '1',
    createTime: ago(180),
    ...changes,
  }
}

function newStudio(): Studio {
  const [first] = world.assistants
  const assistantId = first?.id ?? ''
  const versions = new Map<string, Schemas['AssistantSpec']>()
  for (const { id, draft, publishedVersion } of world.assistants) {
    if (publishedVersion > 0 && draft)
      versions.set(`${id} ${publishedVersion}`, {
        ...draft,
        instruction: `${draft.instruction} Отвечай кратко.`,
      })
  }
  const failure = {
    reason: 'encrypted',
    textRu: 'Файл закрыт паролем. Снимите пароль и загрузите снова.',
    textEn: 'The file is locked with a password. Remove it and upload the file again.',
  }
  return {
    versions,
    files: [
      knowledgeFile({ assistantId }),
      knowledgeFile({
        assistantId,
        name: 'Доставка и возврат.docx',
        sizeBytes: '48211',
        passageCount: 21,
        pageCount: 1,
      }),
      knowledgeFile({
        assistantId,
        name: 'Договор оферты (скан).pdf',
        status: 'FILE_STATUS_FAILED',
        failure,
        passageCount: 0,
      }),
      knowledgeFile({
        assistantId,
        name: 'Акции ноября.xlsx',
        sizeBytes: '9120',
        disabled: true,
        passageCount: 3,
        pageCount: 2,
      }),
    ],
    channels: world.assistants.map(({ id }) =>
      channel({ assistantId: id, kind: 'CHANNEL_KIND_API', title: 'API' }),
    ),
    made: new Map(),
  }
}

export function channel(changes: Partial<Schemas['Channel']>): Schemas['Channel'] {
  return {
    id: newId(),
    assistantId: '',
    kind: 'CHANNEL_KIND_TELEGRAM',
    state: 'CHANNEL_STATE_CONNECTED',
    title: '@lavka_bot',
    botToken: '',
    botTokenLast4: '',
    lastErrorRu: '',
    lastErrorEn: '',
    etag: '1',
    createTime: ago(400),
    ...changes,
  }
}

const ASSISTANT = /\/assistants\/([^/:]+)/
const FILE = /\/assistants\/([^/]+)\/files\/([^/:]+)/
const CHANNEL = /\/assistants\/([^/]+)\/channels\/([^/:]+)/

const may = (permission: string) => world.me.permissions.includes(permission)
const forbidden = () => problem(403, 'PERMISSION_DENIED')
const missing = () => problem(404, 'NOT_FOUND')
const next = (etag: string) => String(Number(etag.replaceAll('"', '')) + 1)

function find(id: unknown): Assistant | undefined {
  return world.assistants.find((row) => row.id === id)
}

function put(assistant: Assistant): Assistant {
  const at = world.assistants.findIndex(({ id }) => id === assistant.id)
  world.assistants[at] = { ...assistant, etag: next(assistant.etag), updateTime: new Date().toISOString() }
  return world.assistants[at]
}

/** Fields of the wire's mask as the JSON calls them. */
const camel = (path: string) => path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

const assistantHandlers = [
  http.get('/api/v1/assistants', ({ query, response }) => {
    if (!may('assistants.read')) return response.untyped(forbidden())
    const [status, q] = [query.get('status'), query.get('q')?.toLowerCase() ?? '']
    const fitting = world.assistants.filter(
      (row) =>
        (status ? row.status === status : row.status !== 'ASSISTANT_STATUS_ARCHIVED') &&
        (row.draft?.name.toLowerCase().includes(q) ?? false),
    )
    const from = Number(query.get('pageToken') ?? 0)
    const to = from + (Number(query.get('pageSize')) || 50)
    const nextPageToken = to < fitting.length ? String(to) : ''
    return response(200).json({ assistants: fitting.slice(from, to), nextPageToken })
  }),
  http.post('/api/v1/assistants', async ({ request, response }) => {
    if (!may('assistants.write')) return response.untyped(forbidden())
    const key = request.headers.get('idempotency-key') ?? newId()
    const known = find(studio().made.get(key))
    if (known) return response(200).json(known)
    const { draft } = await request.json()
    const assistant: Assistant = {
      id: newId(),
      draft: { description: '', instruction: '', ...draft, stopWords: [] } as Schemas['AssistantSpec'],
      status: 'ASSISTANT_STATUS_DRAFT',
      publishedVersion: 0,
      unpublishedChanges: true,
      etag: '1',
      createTime: new Date().toISOString(),
      updateTime: new Date().toISOString(),
    }
    const studioNow = studio()
    world.assistants.unshift(assistant)
    studioNow.made.set(key, assistant.id)
    studioNow.channels.push(channel({ assistantId: assistant.id, kind: 'CHANNEL_KIND_API', title: 'API' }))
    return response(200).json(assistant)
  }),
  http.get('/api/v1/assistants/{id}', ({ params, response }) => {
    const assistant = find(params.id)
    return assistant ? response(200).json(assistant) : response.untyped(missing())
  }),
  http.patch('/api/v1/assistants/{id}', async ({ params, query, request, response }) => {
    if (!may('assistants.write')) return response.untyped(forbidden())
    const assistant = find(params.id)
    if (!assistant?.draft) return response.untyped(missing())
    const { draft, etag } = await request.json()
    if (etag !== assistant.etag && etag !== '*') return response.untyped(problem(412, 'ETAG_MISMATCH'))
    const fields = (query.get('updateMask') ?? '').split(',').map((path) => camel(path.replace('draft.', '')))
    const changes = Object.entries(draft ?? {}).filter(([field]) => fields.includes(field))
    const merged = { ...assistant.draft, ...Object.fromEntries(changes) }
    return response(200).json(put({ ...assistant, draft: merged, unpublishedChanges: true }))
  }),
  onVerb(ASSISTANT, 'publish', ([id]): Assistant | Response => {
    const assistant = find(id)
    if (!assistant?.draft) return missing()
    const paused = assistant.status === 'ASSISTANT_STATUS_PAUSED'
    const publishedVersion = assistant.publishedVersion + 1
    studio().versions.set(`${assistant.id} ${publishedVersion}`, assistant.draft)
    const status = paused ? assistant.status : 'ASSISTANT_STATUS_PUBLISHED'
    return put({ ...assistant, status, publishedVersion, unpublishedChanges: false })
  }),
  onVerb(ASSISTANT, 'pause', ([id]): Assistant | Response => {
    const assistant = find(id)
    return assistant ? put({ ...assistant, status: 'ASSISTANT_STATUS_PAUSED' }) : missing()
  }),
  onVerb(ASSISTANT, 'resume', ([id]): Assistant | Response => {
    const assistant = find(id)
    return assistant ? put({ ...assistant, status: 'ASSISTANT_STATUS_PUBLISHED' }) : missing()
  }),
  http.delete('/api/v1/assistants/{id}', ({ params, response }) => {
    const assistant = find(params.id)
    return assistant
      ? response(200).json(put({ ...assistant, status: 'ASSISTANT_STATUS_ARCHIVED' }))
      : response.untyped(missing())
  }),
  http.get('/api/v1/assistants/{assistantId}/versions/{number}', ({ params, response }) => {
    const { assistantId, number } = params
    const spec = studio().versions.get(`${assistantId} ${number}`)
    if (!spec) return response.untyped(missing())
    return response(200).json({ assistantId, number: Number(number), publisherId: '', spec })
  }),
]

/** A file goes on to its next state each time its list is read. */
function step(file: KnowledgeFile): void {
  if (file.status === 'FILE_STATUS_QUEUED')
    Object.assign(file, { status: 'FILE_STATUS_EXTRACTING', queuePosition: 0 })
  else if (file.status === 'FILE_STATUS_EXTRACTING')
    Object.assign(file, { status: 'FILE_STATUS_READY', passageCount: 9, pageCount: 2 })
}

const fileOf = (id: unknown) => studio().files.find((file) => file.id === id)

const knowledgeHandlers = [
  http.get('/api/v1/assistants/{assistantId}/files', ({ params, query, response }) => {
    if (!may('knowledge.read')) return response.untyped(forbidden())
    const q = query.get('q')?.toLowerCase() ?? ''
    const files = studio().files.filter(
      (file) => file.assistantId === params.assistantId && file.name.toLowerCase().includes(q),
    )
    const shown = files.map((file) => ({ ...file }))
    files.forEach(step)
    return response(200).json({ files: shown, nextPageToken: '' })
  }),
  http.post('/api/v1/assistants/{assistantId}/files', async ({ params, request, response }) => {
    if (!may('knowledge.write')) return response.untyped(forbidden())
    const { name, sizeBytes } = await request.json()
    const announced = {
      assistantId: String(params.assistantId),
      name,
      sizeBytes,
      passageCount: 0,
      pageCount: 0,
    }
    const file = knowledgeFile({
      ...announced,
      status: 'FILE_STATUS_UPLOADING',
      createTime: new Date().toISOString(),
    })
    studio().files.unshift(file)
    const upload = { url: STORAGE, fields: { key: file.id, policy: 'signed' } }
    return response(200).json({ file: { ...file }, upload })
  }),
  msw.post(STORAGE, async ({ request }) => {
    const form = await request.formData()
    return fileOf(form.get('key')) && form.get('file')
      ? new HttpResponse(null, { status: 204 })
      : new HttpResponse(null, { status: 403 })
  }),
  onVerb(FILE, 'confirm', ([, id]): KnowledgeFile | Response => {
    const file = fileOf(id)
    if (!file) return missing()
    return { ...Object.assign(file, { status: 'FILE_STATUS_QUEUED', queuePosition: 1 }) }
  }),
  onVerb(FILE, 'retry', ([, id]): KnowledgeFile | Response => {
    const file = fileOf(id)
    if (!file) return missing()
    delete file.failure
    return { ...Object.assign(file, { status: 'FILE_STATUS_QUEUED', queuePosition: 1 }) }
  }),
  http.get('/api/v1/assistants/{assistantId}/files/{id}', ({ params, response }) => {
    const file = fileOf(params.id)
    return file ? response(200).json(file) : response.untyped(missing())
  }),
  http.patch('/api/v1/assistants/{assistantId}/files/{id}', async ({ params, request, response }) => {
    const file = fileOf(params.id)
    if (!file) return response.untyped(missing())
    const { disabled } = await request.json()
    return response(200).json(Object.assign(file, { disabled: disabled ?? false }))
  }),
  http.delete('/api/v1/assistants/{assistantId}/files/{id}', ({ params, response }) => {
    studio().files = studio().files.filter((file) => file.id !== params.id)
    return response(200).json({})
  }),
  http.get('/api/v1/assistants/{assistantId}/files/{id}/text', ({ params, response }) => {
    const file = fileOf(params.id)
    if (!file) return response.untyped(missing())
    const texts = [
      [1, ['Доставка'], 'Доставка по городу стоит 300 ₽, от 5 000 ₽ бесплатно. Привозим на следующий день.'],
      [1, ['Доставка', 'По области'], 'По области возим по вторникам и пятницам, 500 ₽ независимо от веса.'],
      [2, ['Возврат'], 'Вернуть товар можно в течение 14 дней, если сохранились ярлыки и чек.'],
    ] as const
    const passages = texts.map(([page, headings, text], n) => ({
      id: `${file.id}-${n}`,
      fileId: file.id,
      fileName: file.name,
      page,
      start: n * 100,
      headings: [...headings],
      text,
    }))
    return response(200).json({ passages, nextPageToken: '' })
  }),
]

function widgetOf(input: Partial<Schemas['WidgetInput']>): Schemas['Widget'] {
  const { origins = [], locale = '', title = '', greeting = '', accent = '', side = '', scheme = '' } = input
  const snippet = `<script>(function(w,d,k,s){…})(window,document,'wk_7hQ2mZ')</script>`
  const look = { locale, title, greeting, accent, side, scheme }
  return {
    key: 'wk_7hQ2mZ',
    origins,
    ...look,
    requireIdentity: input.requireIdentity ?? false,
    snippet,
    secrets: [],
  }
}

const channelOf = (id: unknown) => studio().channels.find((row) => row.id === id)

const channelHandlers = [
  http.get('/api/v1/assistants/{assistantId}/channels', ({ params, response }) => {
    if (!may('channels.read')) return response.untyped(forbidden())
    const channels = studio().channels.filter((row) => row.assistantId === params.assistantId)
    return response(200).json({ channels, nextPageToken: '' })
  }),
  http.post('/api/v1/assistants/{assistantId}/channels', async ({ params, request, response }) => {
    if (!may('channels.manage')) return response.untyped(forbidden())
    const { botToken = '', kind, widget } = await request.json()
    if (kind === 'CHANNEL_KIND_WIDGET') {
      const made = channel({
        assistantId: String(params.assistantId),
        kind,
        title: '',
        widget: widgetOf(widget ?? {}),
      })
      studio().channels.push(made)
      return response(200).json(made)
    }
    if (botToken.startsWith('000')) return response.untyped(problem(400, 'BOT_TOKEN_INVALID'))
    const made = channel({ assistantId: String(params.assistantId), botTokenLast4: botToken.slice(-4) })
    studio().channels.push(made)
    return response(200).json(made)
  }),
  http.patch('/api/v1/assistants/{assistantId}/channels/{id}', async ({ params, request, response }) => {
    const found = channelOf(params.id)
    if (!found) return response.untyped(missing())
    const { widget } = await request.json()
    return response(200).json(
      Object.assign(found, { etag: next(found.etag), ...(widget ? { widget: widgetOf(widget) } : {}) }),
    )
  }),
  onVerb(CHANNEL, 'rotateSecret', ([, id]): Schemas['RotateWidgetSecretResponse'] | Response => {
    const found = channelOf(id)
    if (!found?.widget) return missing()
    const kid = `k${found.widget.secrets.length + 1}`
    found.widget.secrets.unshift({ kid, createTime: new Date().toISOString() })
    return { kid, secret: `wis_${'s'.repeat(40)}`, channel: { ...found, widget: { ...found.widget } } }
  }),
  onVerb(CHANNEL, 'check', ([, id]): Schemas['Channel'] | Response => {
    const found = channelOf(id)
    return found ? Object.assign(found, { checkTime: new Date().toISOString() }) : missing()
  }),
  http.delete('/api/v1/assistants/{assistantId}/channels/{id}', ({ params, response }) => {
    const found = channelOf(params.id)
    if (!found) return response.untyped(missing())
    studio().channels = studio().channels.filter((row) => row !== found)
    return response(200).json({ ...found, state: 'CHANNEL_STATE_NOT_CONNECTED' })
  }),
]

/** Assistants, their knowledge and their channels. */
export const studioHandlers = [...assistantHandlers, ...knowledgeHandlers, ...channelHandlers]
