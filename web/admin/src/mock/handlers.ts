import { accountHandlersOf, http, page, problem } from '@neipix/shell/mock'
import { world } from './world'

const may = (permission: string) => world.me.permissions.includes(permission)
const forbidden = () => problem(403, 'PERMISSION_DENIED')

/** The mock server: answers as the edge's panel host does, from `world`. */
export const handlers = [
  ...accountHandlersOf(() => world),
  http.get('/api/v1/admin/users', ({ query, response }) => {
    if (!may('platform.users.read')) return response.untyped(forbidden())
    const q = query.get('q')?.toLowerCase() ?? ''
    const fitting = world.users.filter(
      (row) =>
        (query.get('staff') !== 'true' || row.platformRole !== '') &&
        `${row.name} ${row.email}`.toLowerCase().includes(q),
    )
    const [by = 'create_time', direction] = (query.get('orderBy') || 'create_time desc').split(' ')
    const sign = direction === 'desc' ? -1 : 1
    const sorted = fitting.sort((a, b) =>
      by === 'create_time'
        ? sign * (a.createTime ?? '').localeCompare(b.createTime ?? '')
        : sign * Number(BigInt(a.availableMicroPix) - BigInt(b.availableMicroPix)),
    )
    const { rows, nextPageToken } = page(sorted, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ users: rows, nextPageToken })
  }),
  http.get('/api/v1/admin/audit', ({ query, response }) => {
    if (!may('platform.audit.read')) return response.untyped(forbidden())
    const chain = query.get('workspaceId') ? [] : world.records
    const fitting = chain.filter((row) => row.action.includes(query.get('action') ?? ''))
    const { rows, nextPageToken } = page(fitting, query.get('pageSize'), query.get('pageToken'))
    return response(200).json({ records: rows, nextPageToken })
  }),
]
