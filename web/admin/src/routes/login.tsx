import { nextSearch, onlyGuests } from '@neipix/shell'
import { createFileRoute, useRouter } from '@tanstack/react-router'
import { LoginScreen } from '@admin/features/auth/login-screen'

export const Route = createFileRoute('/login')({
  validateSearch: nextSearch,
  beforeLoad: onlyGuests,
  component: Login,
})

function Login() {
  const router = useRouter()
  const { queries } = Route.useRouteContext()
  // The guard of this page leads on to where the person wanted; what another person saw here is forgotten.
  const go = () => {
    queries.clear()
    return router.invalidate()
  }
  return <LoginScreen onDone={go} />
}
