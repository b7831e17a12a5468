import { http, problem } from './http'
import { world } from './world'

/** A page of rows; the token is the number of the first row. */
function page<T>(rows: T[], size: string | null, token: string | null): { rows: T[]; nextPageToken: string } {
  const from = Number(token ?? 0)
  const to = from + (Number(size) || 50)
  return { rows: rows.slice(from, to), nextPageToken: to < rows.length ? String(to) : '' }
}

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
  http.get('/api/v1/assistants', ({ query, response }) => {
    const status = query.get('status')
    const fitting = world.assistants.filter((row) => !status || row.status === status)
    const { rows, nextPageToken } = page(fitting, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ assistants: rows, nextPageToken })
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
