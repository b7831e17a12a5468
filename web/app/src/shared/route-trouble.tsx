import { buttonVariants, Button, Empty } from '@neipix/ui'
import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { isMissing } from './problems'
import { Trouble } from './trouble'

// A deploy takes the old screens' files away; a page that was open before cannot load them any more.
const OLD_PAGE = /dynamically imported module|module script failed|Unable to preload CSS/i

/** A screen that could not be shown. */
export function RouteTrouble({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation('common')
  const router = useRouter()
  if (isMissing(error)) return <RouteMissing />
  if (error instanceof Error && OLD_PAGE.test(error.message)) {
    return (
      <Empty
        title={t('failed.chunk')}
        hint={t('failed.chunkHint')}
        action={<Button onClick={() => window.location.reload()}>{t('failed.reload')}</Button>}
      />
    )
  }
  const retry = () => {
    reset()
    void router.invalidate()
  }
  return <Trouble error={error} onRetry={retry} />
}

/** No such screen, or no such thing for this person. */
export function RouteMissing() {
  const { t } = useTranslation('common')
  return (
    <Empty
      title={t('notFound.title')}
      hint={t('notFound.hint')}
      action={
        <Link to="/" className={buttonVariants({})}>
          {t('home')}
        </Link>
      }
    />
  )
}
