import type { QueryClient } from '@tanstack/react-query'
import { createRootRouteWithContext, Outlet } from '@tanstack/react-router'

interface Context {
  queries: QueryClient
  /** Loads the words that the first screens do without. */
  loadWords: () => Promise<void>
}

export const Route = createRootRouteWithContext<Context>()({ component: Outlet })
