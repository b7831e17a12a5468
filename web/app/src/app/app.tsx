import { Frame, routing } from '@neipix/shell'
import type { QueryClient } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { AppRouter } from './router'

/** The whole app. */
export function App({ queries, router }: { queries: QueryClient; router: AppRouter }) {
  useEffect(() => routing.followSession(router), [router])
  return (
    <Frame queries={queries}>
      <RouterProvider router={router} />
    </Frame>
  )
}
