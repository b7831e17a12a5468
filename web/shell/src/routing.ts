import type { AnyRouter } from '@tanstack/react-router'
import { api } from './api'
import { RouteMissing, RouteTrouble, RouteWaiting } from './route-trouble'

/** What the routers of all apps have in common. */
export const routing = {
  options: {
    defaultPreload: 'intent',
    // Freshness is the query client's matter.
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultErrorComponent: RouteTrouble,
    defaultNotFoundComponent: RouteMissing,
    defaultPendingComponent: RouteWaiting,
    defaultPendingMs: 500,
  },

  /** When the server ends the session, the guard leads to the log-in and remembers the place. The answer ends it. */
  followSession(router: AnyRouter): () => void {
    return api.session.onChange(() => {
      if (!api.session.signedIn) void router.invalidate()
    })
  },
} as const
