import { lazy, Suspense } from 'react'
import { useUsers, type UsersFilter } from './queries'

const UserSheet = lazy(() => import('./user-sheet'))

interface UserOfProps {
  filter: UsersFilter
  /** The user of the address; nobody where they are not among the loaded rows. */
  id: string | undefined
  onClose: () => void
}

/** The user whom the address names, among the rows that are loaded. */
export function UserOf({ filter, id, onClose }: UserOfProps) {
  const { data } = useUsers(filter)
  const user = id ? data?.pages.flatMap((page) => page.users).find((each) => each.id === id) : undefined
  return <Suspense fallback={null}>{user ? <UserSheet user={user} onClose={onClose} /> : null}</Suspense>
}
