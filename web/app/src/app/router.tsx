import { routing } from '@neipix/shell'
import type { QueryClient } from '@tanstack/react-query'
import { createRouter, type RouterHistory } from '@tanstack/react-router'
import { loadWords } from './i18n'
import { routeTree } from '@app/routeTree.gen'

/** The app's routes over these queries. */
export function createAppRouter(queries: QueryClient, history?: RouterHistory) {
  return createRouter({
    ...routing,
    routeTree,
    context: { queries, loadWords },
    ...(history ? { history } : {}),
  })
}

export type AppRouter = ReturnType<typeof createAppRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter
  }
}
