import type { QueryClient } from '@tanstack/react-query'
import { createRouter, type RouterHistory } from '@tanstack/react-router'
import { routeTree } from '@app/routeTree.gen'
import { RouteMissing, RouteTrouble, RouteWaiting } from '@app/shared/route-trouble'

/** The app's routes over these queries. */
export function createAppRouter(queries: QueryClient, history?: RouterHistory) {
  return createRouter({
    routeTree,
    context: { queries },
    defaultPreload: 'intent',
    // Freshness is the query client's matter.
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultErrorComponent: RouteTrouble,
    defaultNotFoundComponent: RouteMissing,
    defaultPendingComponent: RouteWaiting,
    defaultPendingMs: 500,
    ...(history ? { history } : {}),
  })
}

export type AppRouter = ReturnType<typeof createAppRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter
  }
}
