import type { QueryClient } from '@tanstack/react-query'
import { redirect } from '@tanstack/react-router'
import { safeNext } from './next'
import { whoIsHere } from './session'

/** The search of the screens before the door: a safe `next`, or none. */
export function nextOf(search: Record<string, unknown>): { next?: string } {
  const next = safeNext(search['next'])
  return next === undefined ? {} : { next }
}

/** Leads a signed-in person past the door. Where it cannot be known who is here, the form is shown: it will say so. */
export async function guestsOnly(queries: QueryClient, next: string | undefined): Promise<void> {
  const me = await whoIsHere(queries).catch(() => undefined)
  if (me) throw redirect({ href: next ?? '/', replace: true })
}
