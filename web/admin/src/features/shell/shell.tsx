import { MOD, SkipLink, useScreenChange } from '@neipix/shell'
import { IconButton, Kbd, Sign } from '@neipix/ui'
import { Outlet, useRouterState } from '@tanstack/react-router'
import { Menu as MenuIcon, Search } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { AccountButton } from './account-button'
import { openPalette, useFindKey, usePalette } from './find'
import { Navigation } from './navigation'

// Windows come when somebody opens them.
const Palette = lazy(() => import('./palette'))
const NarrowMenu = lazy(() => import('./narrow-menu'))

/** Each path is a screen of its own. */
const screenOf = (pathname: string) => pathname

/** What stands around every screen of the panel: an ink side, or an ink bar on a narrow screen. */
export function Shell() {
  useScreenChange(screenOf)
  useFindKey()
  const finding = usePalette((palette) => palette.open)
  return (
    <div className="flex h-dvh min-w-0 flex-col lg:flex-row">
      <SkipLink />
      {/* Ink in both themes: the panel must not be taken for the customer's app. */}
      <aside
        data-theme="dark"
        className="bg-sunken text-ink border-line hidden w-56 shrink-0 flex-col gap-3 border-r p-3 lg:flex"
      >
        <Name />
        <FindButton />
        <Navigation />
        <div className="mt-auto">
          <AccountButton />
        </div>
      </aside>
      <NarrowBar />
      <main
        id="main"
        tabIndex={-1}
        className="flex min-h-0 min-w-0 flex-1 flex-col overflow-y-auto p-4 outline-none sm:p-5"
      >
        <Outlet />
      </main>
      <Suspense fallback={null}>{finding ? <Palette /> : null}</Suspense>
    </div>
  )
}

function Name() {
  const { t } = useTranslation('shell')
  return (
    <p className="flex min-h-9 items-center gap-2 px-2 text-sm font-semibold tracking-tight">
      <Sign size={21} />
      neipix
      <span className="text-ink-2 font-normal">{t('panel')}</span>
    </p>
  )
}

function FindButton() {
  const { t } = useTranslation('shell')
  return (
    <button
      type="button"
      onClick={openPalette}
      className="border-line-strong text-ink-2 hover:text-ink flex min-h-9 items-center gap-2 rounded-md border px-2.5 text-sm transition-colors"
    >
      <Search aria-hidden className="size-4" />
      <span className="flex-1 truncate text-left">{t('find')}</span>
      <Kbd keys={[MOD, 'K']} />
    </button>
  )
}

function NarrowBar() {
  const { t } = useTranslation('shell')
  const path = useRouterState({ select: (state) => state.location.pathname })
  // Open for one screen only: the next one closes it.
  const [openAt, setOpenAt] = useState<string>()
  return (
    <header
      data-theme="dark"
      className="bg-sunken text-ink border-line flex shrink-0 items-center gap-1 border-b px-2 py-1 lg:hidden"
    >
      <IconButton aria-label={t('menu')} onClick={() => setOpenAt(path)}>
        <MenuIcon aria-hidden />
      </IconButton>
      <div className="flex-1">
        <Name />
      </div>
      <IconButton aria-label={t('find')} onClick={openPalette}>
        <Search aria-hidden />
      </IconButton>
      <Suspense fallback={null}>
        {openAt === path ? <NarrowMenu onClose={() => setOpenAt(undefined)} /> : null}
      </Suspense>
    </header>
  )
}
