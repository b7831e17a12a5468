import { KitProvider, ToastRegion } from '@neipix/ui'
import { QueryClientProvider, type QueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { toaster } from './toaster'

/** What every app stands in: language, server state, toasts. */
export function Frame({ queries, children }: { queries: QueryClient; children: ReactNode }) {
  const { t, i18n } = useTranslation('common')
  return (
    <KitProvider locale={i18n.language === 'en' ? 'en' : 'ru'}>
      <QueryClientProvider client={queries}>{children}</QueryClientProvider>
      <ToastRegion toaster={toaster} labels={{ region: t('toasts'), close: t('close') }} />
    </KitProvider>
  )
}
