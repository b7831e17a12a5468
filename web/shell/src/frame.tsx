import { KitProvider, ToastRegion } from '@neipix/ui'
import { QueryClientProvider, type QueryClient } from '@tanstack/react-query'
import { RouterProvider, type AnyRouter } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from './api'
import { toaster } from './toaster'

/** A whole app: its routes, language, server state, toasts. */
export function Frame({ queries, router }: { queries: QueryClient; router: AnyRouter }) {
  const { t, i18n } = useTranslation('common')
  // The server ended the session: the guard leads to the log-in and remembers the place.
  useEffect(
    () =>
      api.session.onChange(() => {
        if (!api.session.signedIn) void router.invalidate()
      }),
    [router],
  )
  return (
    <KitProvider locale={i18n.language === 'en' ? 'en' : 'ru'}>
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
      <ToastRegion toaster={toaster} labels={{ region: t('toasts'), close: t('close') }} />
    </KitProvider>
  )
}
