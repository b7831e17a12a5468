import { Button, buttonVariants, Empty, Spinner } from '@neipix/ui'
import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { FileQuestion, RefreshCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { isMissing } from './problems'
import { Trouble } from './trouble'

// A deploy takes the old screens' files away; a page that was open before cannot load them any more.
const OLD_PAGE = /dynamically imported module|module script failed|Unable to preload CSS/i

function Middle({ children }: { children: ReactNode }) {
  return <div className="flex h-full min-h-[70dvh] flex-col">{children}</div>
}

/* The kit's title is a line of text; on these screens it is the only heading. */
function Heading({ children }: { children: ReactNode }) {
  return (
    <span role="heading" aria-level={1} data-slot="page-title" tabIndex={-1} className="outline-none">
      {children}
    </span>
  )
}

/** A screen that could not be shown. */
export function RouteTrouble({ error, reset }: ErrorComponentProps) {
  const { t } = useTranslation('common')
  const router = useRouter()
  if (isMissing(error)) return <RouteMissing />
  if (error instanceof Error && OLD_PAGE.test(error.message)) {
    return (
      <Middle>
        <Empty
          icon={<RefreshCw aria-hidden />}
          title={<Heading>{t('failed.chunk')}</Heading>}
          hint={t('failed.chunkHint')}
          action={<Button onClick={() => window.location.reload()}>{t('failed.reload')}</Button>}
        />
      </Middle>
    )
  }
  const retry = () => {
    reset()
    void router.invalidate()
  }
  return (
    <Middle>
      <Trouble error={error} onRetry={retry} />
    </Middle>
  )
}

/** No such screen, or no such thing for this person. */
export function RouteMissing() {
  const { t } = useTranslation('common')
  return (
    <Middle>
      <Empty
        icon={<FileQuestion aria-hidden />}
        title={<Heading>{t('notFound.title')}</Heading>}
        hint={t('notFound.hint')}
        action={
          <Link to="/" className={buttonVariants({})}>
            {t('home')}
          </Link>
        }
      />
    </Middle>
  )
}

/** What is on its way and takes longer than a moment. */
export function RouteWaiting() {
  const { t } = useTranslation('common')
  return (
    <div role="status" className="text-ink-2 flex h-full min-h-[70dvh] items-center justify-center">
      <Spinner className="size-6" />
      <span className="sr-only">{t('loading')}</span>
    </div>
  )
}
