import type { QueryClient } from '@tanstack/react-query'
import { redirect } from '@tanstack/react-router'
import { safeNext } from './next'
import { whoIsHere } from './session'

/**
 * The search of the screens before the door: a safe `next`, or none. The key is always given: the router lays what is
 * validated over what the address says, so a key left out would keep its hostile value.
 */
export function nextOf(search: Record<string, unknown>): { next?: string | undefined } {
  return { next: safeNext(search['next']) }
}

/** Leads a signed-in person past the door. Where it cannot be known who is here, the form is shown: it will say so. */
export async function guestsOnly(queries: QueryClient, next: string | undefined): Promise<void> {
  const me = await whoIsHere(queries).catch(() => undefined)
  if (me) throw redirect({ href: safeNext(next) ?? '/', replace: true })
}
