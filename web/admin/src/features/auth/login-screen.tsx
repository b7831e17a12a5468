import { LoginForm } from '@neipix/shell'
import { Wordmark } from '@neipix/ui'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'

/** Where staff sign in. */
export function LoginScreen({ next }: { next: string | undefined }) {
  const { t } = useTranslation('auth')
  const title = t('login.title')
  useEffect(() => {
    document.title = `${title} · Neipix`
  }, [title])
  return (
    <main className="bg-sunken flex min-h-dvh items-center justify-center p-4">
      <section className="border-line bg-surface flex w-full max-w-sm flex-col gap-6 rounded-xl border p-6 shadow-sm sm:p-8">
        <Wordmark />
        <div className="flex flex-col gap-1">
          <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
          <p className="text-ink-2 text-sm">{t('login.lead')}</p>
        </div>
        <LoginForm next={next} staff />
      </section>
    </main>
  )
}
