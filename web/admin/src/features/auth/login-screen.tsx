import { Wordmark } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { LoginForm } from './login-form'

/** Where staff sign in. */
export function LoginScreen({ onDone }: { onDone: () => void | Promise<void> }) {
  const { t } = useTranslation('auth')
  return (
    <main className="bg-sunken flex min-h-dvh items-center justify-center p-4">
      <section className="border-line bg-surface flex w-full max-w-sm flex-col gap-6 rounded-xl border p-6 shadow-sm sm:p-8">
        <Wordmark />
        <div className="flex flex-col gap-1">
          <h1 className="text-xl font-semibold tracking-tight">{t('title')}</h1>
          <p className="text-ink-2 text-sm">{t('lead')}</p>
        </div>
        <LoginForm onDone={onDone} />
      </section>
    </main>
  )
}
