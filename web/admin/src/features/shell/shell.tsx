import { useFocusTitle, usePalette } from '@neipix/shell'
import { IconButton, Kbd, Sheet, SheetContent, Sign } from '@neipix/ui'
import { Outlet, useRouterState } from '@tanstack/react-router'
import { Menu as MenuIcon, Search } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { AccountMenu } from './account-menu'
import { Navigation } from './navigation'
import { Palette } from './palette'

/** What stands around every screen of the panel: a dark side, or a bar on a narrow screen. */
export function Shell() {
  const { t } = useTranslation('shell')
  const [finding, setFinding] = usePalette()
  useFocusTitle()
  return (
    <div className="flex h-dvh min-w-0 flex-col lg:flex-row">
      <a
        href="#main"
        className="bg-surface text-ink sr-only z-50 rounded-md px-3 py-2 focus:not-sr-only focus:absolute focus:top-2 focus:left-2"
      >
        {t('skip')}
      </a>
      {/* Ink in both themes: the panel must not be taken for the customer's app. */}
      <aside
        data-theme="dark"
        className="bg-sunken text-ink border-line hidden w-56 shrink-0 flex-col gap-3 border-r p-3 lg:flex"
      >
        <Home />
        <FindButton onFind={() => setFinding(true)} />
        <Navigation />
        <div className="mt-auto flex flex-col">
          <AccountMenu />
        </div>
      </aside>
      <NarrowBar onFind={() => setFinding(true)} />
      <main id="main" tabIndex={-1} className="flex min-h-0 min-w-0 flex-1 flex-col p-4 outline-none sm:p-5">
        <Outlet />
      </main>
      <Palette open={finding} onOpenChange={setFinding} />
    </div>
  )
}

function Home() {
  const { t } = useTranslation('shell')
  return (
    <p className="flex min-h-9 items-center gap-2 px-2 text-sm font-semibold tracking-tight">
      <Sign size={21} />
      neipix
      <span className="text-ink-2 font-normal">{t('panel')}</span>
    </p>
  )
}

function FindButton({ onFind }: { onFind: () => void }) {
  const { t } = useTranslation('shell')
  return (
    <button
      type="button"
      onClick={onFind}
      className="border-line-strong text-ink-2 hover:text-ink flex min-h-9 items-center gap-2 rounded-md border px-2.5 text-sm transition-colors"
    >
      <Search aria-hidden className="size-4" />
      <span className="flex-1 truncate text-left">{t('palette.open')}</span>
      <Kbd keys={['⌘', 'K']} />
    </button>
  )
}

function NarrowBar({ onFind }: { onFind: () => void }) {
  const { t } = useTranslation('shell')
  const { t: common } = useTranslation('common')
  const path = useRouterState({ select: (state) => state.location.pathname })
  // Open for one screen only: the next one closes it.
  const [openAt, setOpenAt] = useState<string>()
  const open = openAt === path
  return (
    <header
      data-theme="dark"
      className="bg-sunken text-ink border-line flex shrink-0 items-center gap-1 border-b px-2 py-1 lg:hidden"
    >
      <IconButton aria-label={t('menu')} onClick={() => setOpenAt(path)}>
        <MenuIcon aria-hidden />
      </IconButton>
      <div className="flex-1">
        <Home />
      </div>
      <IconButton aria-label={t('palette.open')} onClick={onFind}>
        <Search aria-hidden />
      </IconButton>
      <Sheet open={open} onOpenChange={(next) => setOpenAt(next ? path : undefined)}>
        <SheetContent title={t('navigation')} closeLabel={common('close')}>
          <div className="flex flex-col gap-4">
            <Navigation />
            <AccountMenu />
          </div>
        </SheetContent>
      </Sheet>
    </header>
  )
}
