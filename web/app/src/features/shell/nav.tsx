import { buttonVariants, cn, Kbd, Wordmark } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Search } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useMay, useMe } from '@app/shared/session'
import { WAITING_MOST, waitingQuery } from '@app/shared/waiting'
import { AccountButton, MoreButton } from './account-button'
import { MOD } from './keys'
import { sectionsFor, type Section } from './sections'
import { openWindow } from './state'

function useSections(): Section[] {
  return sectionsFor(useMe()?.permissions ?? [])
}

/** The column of sections at the side. */
export function SideNav({ className }: { className: string }) {
  const { t } = useTranslation('shell')
  return (
    <div
      className={cn('border-line bg-sunken/50 w-60 shrink-0 flex-col gap-4 border-r px-3 py-4', className)}
    >
      <Link to="/" className="flex w-fit rounded-md px-2">
        <Wordmark />
      </Link>
      <button
        type="button"
        onClick={() => openWindow('palette')}
        className="border-line bg-surface text-ink-2 hover:text-ink flex min-h-9 items-center gap-2 rounded-md border px-2.5 text-sm shadow-sm"
      >
        <Search aria-hidden className="size-4" />
        <span className="flex-1 text-left">{t('search')}</span>
        <Kbd keys={[MOD, 'K']} />
      </button>
      <nav aria-label={t('navigation')} className="flex flex-col gap-0.5">
        {useSections().map((section) => (
          <SideLink key={section.id} section={section} />
        ))}
      </nav>
      <div className="mt-auto">
        <AccountButton />
      </div>
    </div>
  )
}

function SideLink({ section }: { section: Section }) {
  const { t } = useTranslation('shell')
  const Icon = section.icon
  return (
    <Link
      to={section.to}
      activeOptions={{ exact: section.to === '/' }}
      className="text-ink-2 hover:bg-sunken hover:text-ink aria-[current=page]:bg-ai-soft aria-[current=page]:text-ink flex min-h-9 items-center gap-2.5 rounded-md px-2.5 text-sm aria-[current=page]:font-medium"
    >
      <Icon aria-hidden className="size-4 shrink-0" />
      {t(`nav.${section.id}`)}
      {section.id === 'chats' ? <WaitingCount className="ml-auto" /> : null}
    </Link>
  )
}

/** The bar of sections at the bottom of a phone. */
export function BottomBar({ className }: { className: string }) {
  const { t } = useTranslation('shell')
  const cell =
    'text-2xs text-ink-2 flex min-h-14 min-w-0 flex-1 flex-col items-center justify-center gap-0.5 px-0.5 outline-offset-[-2px]'
  return (
    <nav
      aria-label={t('navigation')}
      className={cn('border-line bg-surface border-t pb-[env(safe-area-inset-bottom)]', className)}
    >
      {useSections()
        .filter((section) => section.onBar)
        .map((section) => {
          const Icon = section.icon
          return (
            <Link
              key={section.id}
              to={section.to}
              activeOptions={{ exact: section.to === '/' }}
              className={cn(cell, 'aria-[current=page]:text-ai relative aria-[current=page]:font-medium')}
            >
              <Icon aria-hidden className="size-5" />
              <span className="max-w-full truncate">
                {t(section.id === 'assistants' ? 'nav.assistantsShort' : `nav.${section.id}`)}
              </span>
              {section.id === 'chats' ? <WaitingCount className="absolute top-1 left-1/2 ml-1" /> : null}
            </Link>
          )
        })}
      <MoreButton className={cell} />
    </nav>
  )
}

/** How many dialogues wait for a person; ochre, for a person is meant. */
function WaitingCount({ className }: { className: string }) {
  const { t } = useTranslation('shell')
  const { data } = useQuery({ ...waitingQuery(), enabled: useMay('chats.read') })
  const count = data?.conversations.length ?? 0
  if (count === 0) return null
  return (
    <span
      className={cn(
        'bg-human text-human-ink text-2xs flex h-4.5 min-w-4.5 items-center justify-center rounded-sm px-1 font-semibold',
        className,
      )}
    >
      <span aria-hidden>{data?.nextPageToken ? `${WAITING_MOST}+` : count}</span>
      <span className="sr-only">{t('waiting', { count })}</span>
    </span>
  )
}

/** The line at the top of a phone. */
export function TopBar({ className }: { className: string }) {
  const { t } = useTranslation('shell')
  return (
    <header
      className={cn('border-line bg-paper items-center justify-between border-b px-4 py-1.5', className)}
    >
      <Link to="/" className="flex rounded-md">
        <Wordmark />
      </Link>
      <button
        type="button"
        aria-label={t('search')}
        onClick={() => openWindow('palette')}
        className={buttonVariants({ variant: 'ghost', shape: 'icon' })}
      >
        <Search aria-hidden />
      </button>
    </header>
  )
}
