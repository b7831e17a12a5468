import type { Me } from '@neipix/api'
import type { QueryClient } from '@tanstack/react-query'
import { redirect } from '@tanstack/react-router'
import { safeNext } from './next'
import { whoIsHere } from './session'

/**
 * The search of the screens before the door: a safe `next`, or none. It must be said to be absent: what is left out
 * here would stay as the address has it.
 */
export function nextOf(search: Record<string, unknown>): { next?: string | undefined } {
  return { next: safeNext(search['next']) }
}

/** Leads a signed-in person past the door. Where it cannot be known who is here, the form is shown: it will say so. */
export async function guestsOnly(queries: QueryClient, next: string | undefined): Promise<void> {
  const me = await whoIsHere(queries).catch(() => undefined)
  if (me) throw redirect({ href: safeNext(next) ?? '/', replace: true })
}

interface Entering {
  context: { queries: QueryClient }
  location: { href: string }
}

/**
 * For `beforeLoad` of guarded screens: nothing of them is drawn or loaded before this is through. Only a guest is led
 * away, and comes back after the log-in; where it cannot be known who is here, the error is shown.
 */
export async function signedInOnly({ context, location }: Entering): Promise<{ me: Me }> {
  const me = await whoIsHere(context.queries)
  if (!me) throw redirect({ to: '/login', search: { next: location.href } })
  return { me }
}
