import { useUsers, type UsersFilter } from './queries'
import { UserSheet } from './user-sheet'

interface UserOfProps {
  filter: UsersFilter
  /** The user of the address; nobody where they are not among the loaded rows. */
  id: string
  onClose: () => void
}

/** The user whom the address names, among the rows that are loaded. */
export default function UserOf({ filter, id, onClose }: UserOfProps) {
  const { data } = useUsers(filter)
  const user = data?.pages.flatMap((page) => page.users).find((each) => each.id === id)
  return <UserSheet user={user} onClose={onClose} />
}
