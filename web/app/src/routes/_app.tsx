import { createFileRoute, redirect } from '@tanstack/react-router'
import { Shell } from '@app/features/shell/shell'
import { whoIsHere } from '@app/shared/session'

export const Route = createFileRoute('/_app')({
  // Nothing of a guarded screen is drawn or loaded before this is through. Only a guest is led away: where it cannot
  // be known who is here, the error is shown.
  beforeLoad: async ({ context, location }) => {
    const me = await whoIsHere(context.queries)
    if (!me) throw redirect({ to: '/login', search: { next: location.href } })
    return { me }
  },
  component: Shell,
})
