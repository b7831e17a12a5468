import { buttonVariants } from '@neipix/ui'
import { createFileRoute, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { CodeForm } from '@app/features/auth/code-form'
import { Frame } from '@app/features/auth/frame'
import { usePending } from '@app/features/auth/pending'
import { RegisterForm } from '@app/features/auth/register-form'
import { guestsOnly, nextOf } from '@app/shared/guard'

export const Route = createFileRoute('/register')({
  validateSearch: nextOf,
  beforeLoad: ({ context, search }) => guestsOnly(context.queries, search.next),
  component: Register,
})

function Register() {
  const { t } = useTranslation('auth')
  const { next } = Route.useSearch()
  const waiting = usePending((pending) => pending.waiting)
  if (waiting) {
    return (
      <Frame title={t('code.title')} hint={t('code.hint', { email: waiting.email })}>
        <CodeForm registrationId={waiting.registrationId} next={next} />
      </Frame>
    )
  }
  return (
    <Frame title={t('register.title')} hint={t('register.hint')}>
      <RegisterForm />
      <p className="text-ink-2 text-center text-sm">
        {t('register.other')}{' '}
        <Link to="/login" search={{ next }} className={buttonVariants({ variant: 'link', size: 'sm' })}>
          {t('register.otherLink')}
        </Link>
      </p>
    </Frame>
  )
}
