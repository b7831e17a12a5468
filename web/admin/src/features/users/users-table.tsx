import { ApiError } from '@neipix/api'
import { problemText, Trouble } from '@neipix/shell'
import {
  Badge,
  Button,
  DataTable,
  Empty,
  Money,
  PixelPortrait,
  Time,
  type DataTableColumn,
  type DataTableSorting,
} from '@neipix/ui'
import type { TFunction } from 'i18next'
import { useMemo, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ORDERS, useUsers, type DirectoryUser, type Order, type UsersFilter } from './queries'

export interface UsersTableProps {
  filter: UsersFilter
  onOrder: (order: Order) => void
  /** Drops search and filter. */
  onReset: () => void
  onOpen: (user: DirectoryUser) => void
  openId?: string | undefined
}

/** The platform's users: pages of the server, in its order. */
export function UsersTable({ filter, onOrder, onReset, onOpen, openId }: UsersTableProps) {
  const { t } = useTranslation('users')
  const { t: common } = useTranslation('common')
  const users = useUsers(filter)
  const columns = useMemo(() => columnsOf(t), [t])
  const rows = useMemo(() => users.data?.pages.flatMap((page) => page.users), [users.data])
  const narrowed = filter.q !== '' || filter.staff
  const reset = narrowed ? <Button onClick={onReset}>{t('reset')}</Button> : undefined
  return (
    <DataTable
      aria-label={t('title')}
      columns={columns}
      rows={rows}
      rowId={(user) => user.id}
      rowHeight={44}
      sortMode="server"
      sorting={sortingOf(filter.order)}
      onSortingChange={(sorting) => onOrder(orderOf(sorting))}
      onRowOpen={onOpen}
      selectedId={openId}
      paging={{
        hasMore: users.hasNextPage,
        loading: users.isFetchingNextPage,
        error: users.isFetchNextPageError ? `${t('moreFailed')}: ${problemText(users.error)}` : undefined,
        moreLabel: common('more'),
        onMore: () => void users.fetchNextPage(),
      }}
      error={
        users.isError && !users.data ? <Failure error={users.error} users={users} reset={reset} /> : undefined
      }
      empty={
        narrowed ? (
          <Empty title={t('nobodyTitle')} hint={t('nobodyHint')} action={reset} />
        ) : (
          <Empty title={t('emptyTitle')} hint={t('emptyHint')} />
        )
      }
    />
  )
}

interface FailureProps {
  error: unknown
  users: { refetch: () => unknown; isFetching: boolean }
  reset: ReactNode
}

function Failure({ error, users, reset }: FailureProps) {
  const { t } = useTranslation('users')
  if (error instanceof ApiError && error.reason === 'SEARCH_TOO_BROAD') {
    return <Empty title={t('broadTitle')} hint={t('broadHint')} action={reset} />
  }
  return <Trouble error={error} onRetry={() => void users.refetch()} retrying={users.isFetching} />
}

/** Columns by the names that the server orders by. */
function columnsOf(t: TFunction<'users'>): DataTableColumn<DirectoryUser>[] {
  return [
    {
      id: 'person',
      header: t('person'),
      cell: (user) => (
        <span className="flex min-w-0 items-center gap-2.5">
          <PixelPortrait id={user.id} tone="human" size={28} />
          <span className="flex min-w-0 flex-col leading-tight">
            <span className="truncate font-medium">{user.name || t('noName')}</span>
            <span className="text-ink-2 text-2xs truncate">{user.email}</span>
          </span>
        </span>
      ),
    },
    {
      id: 'role',
      header: t('role'),
      width: '11rem',
      hideBelow: 'md',
      cell: (user) => <Standing user={user} />,
    },
    {
      id: 'companies',
      header: t('companies'),
      kind: 'number',
      width: '7rem',
      hideBelow: 'lg',
      cell: (user) => user.workspaces.length,
    },
    {
      id: 'available_micro_pix',
      header: t('balance'),
      kind: 'number',
      width: '8.5rem',
      sortable: true,
      cell: (user) => <Money microPix={user.availableMicroPix} priceMicroRub={null} />,
    },
    {
      id: 'create_time',
      header: t('since'),
      kind: 'number',
      width: '9rem',
      sortable: true,
      hideBelow: 'sm',
      cell: (user) => (user.createTime ? <Time value={user.createTime} show="day" /> : null),
    },
  ]
}

/** The role on the platform, and whether the account is blocked. */
export function Standing({ user }: { user: DirectoryUser }) {
  const { t } = useTranslation('users')
  return (
    <span className="flex items-center gap-1.5">
      {user.platformRole ? <Badge tone="human">{roleName(t, user.platformRole)}</Badge> : null}
      {user.blocked ? <Badge tone="danger">{t('blocked')}</Badge> : null}
    </span>
  )
}

const ROLES = ['superadmin', 'admin', 'billing', 'support', 'content'] as const

/** A role that is newer than this page keeps its own name. */
function roleName(t: TFunction<'users'>, role: string): string {
  const known = ROLES.find((name) => name === role)
  return known ? t(`roles.${known}`) : role
}

function sortingOf(order: Order): DataTableSorting {
  const [columnId = '', direction] = order.split(' ')
  return { columnId, desc: direction === 'desc' }
}

function orderOf(sorting: DataTableSorting | null): Order {
  const wanted = sorting ? `${sorting.columnId}${sorting.desc ? ' desc' : ''}` : ''
  return ORDERS.find((order) => order === wanted) ?? 'create_time desc'
}
