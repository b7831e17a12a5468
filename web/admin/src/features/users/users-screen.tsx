import { PageHeader } from '@neipix/ui'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import type { Order } from './queries'
import { filterOf, type UsersSearch } from './search'
import { UsersFilters } from './users-filters'
import { UsersTable } from './users-table'

const UserOf = lazy(() => import('./user-of'))

export interface UsersScreenProps {
  search: UsersSearch
  /** Changes the address; `replace` leaves no step to go back to. */
  onSearch: (search: UsersSearch, how: { replace: boolean }) => void
}

/** Everybody on the platform. */
export function UsersScreen({ search, onSearch }: UsersScreenProps) {
  const { t } = useTranslation('users')
  const filter = filterOf(search)
  const change = (to: { q?: string; staff?: boolean; order?: Order }) => {
    const next = { ...filter, ...to }
    onSearch(searchOf(next), { replace: true })
  }
  return (
    <>
      <PageHeader title={t('title')} className="pb-3" />
      <UsersFilters filter={filter} onChange={change} />
      <div className="min-h-0 flex-1">
        <UsersTable
          filter={filter}
          onOrder={(order) => change({ order })}
          onReset={() => change({ q: '', staff: false })}
          onOpen={(user) => onSearch({ ...search, user: user.id }, { replace: false })}
          openId={search.user}
        />
      </div>
      {search.user ? (
        <Suspense fallback={null}>
          <UserOf
            filter={filter}
            id={search.user}
            onClose={() => onSearch(searchOf(filter), { replace: true })}
          />
        </Suspense>
      ) : null}
    </>
  )
}

function searchOf({ q, staff, order }: { q: string; staff: boolean; order: Order }): UsersSearch {
  return {
    ...(q ? { q } : {}),
    ...(staff ? { staff } : {}),
    ...(order === 'create_time desc' ? {} : { order }),
  }
}
