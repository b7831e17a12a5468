import { createFileRoute, redirect } from '@tanstack/react-router'
import { safeNext } from '@app/shared/next'
import { whoIsHere } from '@app/shared/session'

export const Route = createFileRoute('/login')({
  validateSearch: (input: Record<string, unknown>): { next?: string } => {
    const next = safeNext(input['next'])
    return next === undefined ? {} : { next }
  },
  beforeLoad: async ({ context, search }) => {
    if (await whoIsHere(context.queries)) throw redirect({ href: search.next ?? '/', replace: true })
  },
  component: () => null,
})
