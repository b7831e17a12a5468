import { page } from '@neipix/shell/mock'
import { http, problem } from './http'
import { world } from './world'

const may = (permission: string) => world.me.permissions.includes(permission)
const forbidden = () => problem(403, 'PERMISSION_DENIED')

/** What the overview, the wallet and the keys read. */
export const listHandlers = [
  http.get('/api/v1/billing/wallet', ({ response }) =>
    may('billing.read') ? response(200).json(world.wallet) : response.untyped(forbidden()),
  ),
  http.get('/api/v1/billing/statement', ({ query, response }) => {
    if (!may('billing.read')) return response.untyped(forbidden())
    const kind = query.get('kind')
    const from = query.get('fromTime')
    const to = query.get('toTime')
    const fitting = world.transfers.filter(
      (row) =>
        (!kind || row.kind === kind) && (!from || row.createTime! >= from) && (!to || row.createTime! < to),
    )
    const { rows, nextPageToken } = page(fitting, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ transfers: rows, nextPageToken })
  }),
  http.get('/api/v1/billing/transfers/{id}', ({ params, response }) => {
    const transfer = world.transfers.find(({ id }) => id === params.id)
    if (!transfer) return response.untyped(problem(404, 'NOT_FOUND'))
    const settled = transfer.kind === 'TRANSFER_KIND_SETTLE'
    return response(200).json({
      ...transfer,
      postings: [
        { account: 'ACCOUNT_BONUS', amountMicroPix: transfer.amountMicroPix },
        { account: 'ACCOUNT_HELD', amountMicroPix: String(-BigInt(transfer.amountMicroPix)) },
      ],
      ...(settled
        ? {
            charge: {
              costMicroPix: '7412345',
              aboveHoldMicroPix: '0',
              attempts: [
                {
                  attemptId: '019d0000-0000-7000-8000-0000000000aa',
                  model: 'gpt-5-mini',
                  inputTokens: '3120',
                  cachedInputTokens: '1024',
                  cacheWriteTokens: '0',
                  outputTokens: '214',
                },
              ],
            },
          }
        : {}),
    })
  }),
  http.get('/api/v1/api-keys', ({ query, response }) => {
    if (!may('api_keys.manage')) return response.untyped(forbidden())
    const only = query.get('assistantId')
    const fitting = world.keys.filter((key) => !only || key.assistantId === only)
    const { rows, nextPageToken } = page(fitting, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ apiKeys: rows, nextPageToken })
  }),
  http.post('/api/v1/api-keys', async ({ request, response }) => {
    const { name, permissions, assistantId = '' } = await request.json()
    const apiKey = {
      id: crypto.randomUUID(),
      name,
      prefix: 'npk_Ab3xYz12',
      permissions,
      assistantId,
      makerId: world.me.user!.id,
      createTime: new Date().toISOString(),
    }
    world.keys.unshift(apiKey)
    return response(200).json({ apiKey, secret: `npk_Ab3xYz12_${'s'.repeat(43)}` })
  }),
  http.delete('/api/v1/api-keys/{id}', ({ params, response }) => {
    const key = world.keys.find(({ id }) => id === params.id)
    if (!key) return response.untyped(problem(404, 'NOT_FOUND'))
    key.revokeTime = new Date().toISOString()
    return response(200).json(key)
  }),
  http.get('/api/v1/chats', ({ query, response }) => {
    const fitting = world.conversations.filter(
      (row) =>
        (!query.get('status') || row.status === query.get('status')) &&
        (!query.get('handler') || row.handler === query.get('handler')),
    )
    const { rows, nextPageToken } = page(fitting, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ conversations: rows, nextPageToken })
  }),
  http.get('/api/v1/audit', ({ query, response }) => {
    if (!may('audit.read')) return response.untyped(forbidden())
    const { rows, nextPageToken } = page(world.audit, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ records: rows, nextPageToken })
  }),
]
