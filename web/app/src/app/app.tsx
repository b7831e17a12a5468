import { Frame } from '@neipix/shell'
import type { QueryClient } from '@tanstack/react-query'
import type { AppRouter } from './router'

/** The whole app. */
export function App({ queries, router }: { queries: QueryClient; router: AppRouter }) {
  return <Frame queries={queries} router={router} />
}
