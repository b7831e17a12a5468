import { Banner, buttonVariants } from '@neipix/ui'
import { createFileRoute, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Frame } from '@app/features/auth/frame'
import { LoginForm } from '@app/features/auth/login-form'
import { guestsOnly, nextOf } from '@app/shared/guard'

export const Route = createFileRoute('/login')({
  validateSearch: nextOf,
  beforeLoad: ({ context, search }) => guestsOnly(context.queries, search.next),
  component: Login,
})

function Login() {
  const { t } = useTranslation('auth')
  const { next } = Route.useSearch()
  return (
    <Frame title={t('login.title')} hint={t('login.hint')}>
      {next !== undefined && next !== '/' ? (
        <Banner tone="info" className="rounded-md">
          {t('login.ended')}
        </Banner>
      ) : null}
      <LoginForm next={next} />
      <p className="text-ink-2 text-center text-sm">
        {t('login.other')}{' '}
        <Link to="/register" search={{ next }} className={buttonVariants({ variant: 'link', size: 'sm' })}>
          {t('login.otherLink')}
        </Link>
      </p>
    </Frame>
  )
}
