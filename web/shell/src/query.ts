import { ApiError } from '@neipix/api'
import { MutationCache, QueryClient } from '@tanstack/react-query'
import i18next from 'i18next'
import { problemText, traceOf } from './problems'
import { toaster } from './toaster'

declare module '@tanstack/react-query' {
  interface Register {
    mutationMeta: {
      /** The caller shows the failure itself, such as at the fields of a form; else a toast tells it. */
      handled?: boolean
    }
  }
}

/** Server state lives here and nowhere else. */
export function createQueries(): QueryClient {
  return new QueryClient({
    mutationCache: new MutationCache({
      onError: (error, _input, _context, mutation) => {
        if (mutation.meta?.handled || isSignedOut(error)) return
        const id = traceOf(error)
        toaster.show({
          tone: 'danger',
          title: problemText(error),
          ...(id ? { description: `${i18next.t('trace')}: ${id}` } : {}),
        })
      },
    }),
    defaultOptions: {
      queries: {
        staleTime: 30_000,
        // A lost network is shown and mended by the person or by its return; nothing waits in silence.
        networkMode: 'always',
        refetchOnReconnect: true,
        retry: (failures, error) => failures < 2 && error instanceof ApiError && error.passing,
      },
      mutations: { networkMode: 'always', retry: false },
    },
  })
}

/** The guard answers it by the way to the log-in. */
function isSignedOut(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401
}
