import { guestsOnly, nextOf } from '@neipix/shell'
import { createFileRoute } from '@tanstack/react-router'
import { LoginScreen } from '@admin/features/auth/login-screen'

export const Route = createFileRoute('/login')({
  validateSearch: nextOf,
  beforeLoad: ({ context, search }) => guestsOnly(context.queries, search.next),
  component: Login,
})

function Login() {
  return <LoginScreen next={Route.useSearch().next} />
}
