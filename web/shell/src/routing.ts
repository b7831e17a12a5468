import { RouteMissing, RouteTrouble, RouteWaiting } from './route-trouble'

/** What the routers of all apps have in common. */
export const routing = {
  defaultPreload: 'intent',
  // Freshness is the query client's matter.
  defaultPreloadStaleTime: 0,
  scrollRestoration: true,
  defaultErrorComponent: RouteTrouble,
  defaultNotFoundComponent: RouteMissing,
  defaultPendingComponent: RouteWaiting,
  defaultPendingMs: 500,
} as const
