import { createFileRoute, Outlet } from '@tanstack/react-router'
import { Inbox } from '@app/features/inbox/inbox'
import { listSearch } from '@app/features/inbox/search'

export const Route = createFileRoute('/_app/chats')({
  validateSearch: listSearch,
  component: Screen,
})

function Screen() {
  const { me } = Route.useRouteContext()
  return (
    <Inbox me={me.user?.id ?? ''} key={`${me.user?.id} ${me.workspace?.id}`}>
      <Outlet />
    </Inbox>
  )
}
