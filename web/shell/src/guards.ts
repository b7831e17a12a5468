import type { Me } from '@neipix/api'
import type { QueryClient } from '@tanstack/react-query'
import { redirect } from '@tanstack/react-router'
import { safeNext } from './next'
import { whoIsHere } from './session'

interface Entering {
  context: { queries: QueryClient }
}

/**
 * For `beforeLoad` of guarded screens: nothing of them is drawn or loaded before this is through. Only a guest is led
 * away, and comes back after the log-in; where it cannot be known who is here, the error is shown.
 */
export async function onlySignedIn({
  context,
  location,
}: Entering & { location: { href: string } }): Promise<{ me: Me }> {
  const me = await whoIsHere(context.queries)
  if (!me) throw redirect({ to: '/login', search: { next: location.href } })
  return { me }
}

/** For `validateSearch` of a log-in: a place that leads elsewhere is forgotten. */
export function nextSearch(input: Record<string, unknown>): { next?: string } {
  const next = safeNext(input['next'])
  return next === undefined ? {} : { next }
}

/** For `beforeLoad` of a log-in: who is signed in goes on. */
export async function onlyGuests({
  context,
  search,
}: Entering & { search: { next?: string } }): Promise<void> {
  if (await whoIsHere(context.queries)) throw redirect({ href: search.next ?? '/', replace: true })
}
