import { createFileRoute } from '@tanstack/react-router'
import { usersSearch } from '@admin/features/users/search'
import { UsersScreen } from '@admin/features/users/users-screen'

export const Route = createFileRoute('/_panel/users')({ validateSearch: usersSearch, component: Users })

function Users() {
  const navigate = Route.useNavigate()
  return (
    <UsersScreen
      search={Route.useSearch()}
      onSearch={(search, { replace }) => void navigate({ search, replace })}
    />
  )
}
