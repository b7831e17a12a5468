import { Frame, routing } from '@neipix/shell'
import type { QueryClient } from '@tanstack/react-query'
import { createRouter, type RouterHistory } from '@tanstack/react-router'
import { routeTree } from '@admin/routeTree.gen'

/** The panel's routes over these queries. */
export function createPanelRouter(queries: QueryClient, history?: RouterHistory) {
  return createRouter({ ...routing, routeTree, context: { queries }, ...(history ? { history } : {}) })
}

type PanelRouter = ReturnType<typeof createPanelRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: PanelRouter
  }
}

/** The whole panel. */
export function Panel({ queries, router }: { queries: QueryClient; router: PanelRouter }) {
  return <Frame queries={queries} router={router} />
}
