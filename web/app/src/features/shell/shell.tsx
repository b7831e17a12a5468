import { SkipLink, useScreenChange } from '@neipix/shell'
import { Outlet } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { ConnectionBanner } from './connection-banner'
import { useShellKeys } from './keys'
import { useLiveCache } from './live-cache'
import { BottomBar, SideNav, TopBar } from './nav'
import { screenOf } from './screen-change'
import { useShell } from './state'

const Palette = lazy(() => import('./palette'))
const Help = lazy(() => import('./help'))

/** What stands around every screen of a signed-in person. `main` scrolls; a screen may fill it to the last pixel. */
export function Shell() {
  useLiveCache()
  useShellKeys()
  useScreenChange(screenOf)
  return (
    <div className="flex h-dvh flex-col">
      <SkipLink />
      <ConnectionBanner />
      <div className="flex min-h-0 flex-1 flex-col lg:flex-row">
        <SideNav className="hidden lg:flex" />
        <TopBar className="flex lg:hidden" />
        <main
          id="main"
          tabIndex={-1}
          data-scroll-restoration-id="main"
          className="min-h-0 min-w-0 flex-1 overflow-y-auto outline-none"
        >
          <Outlet />
        </main>
        <BottomBar className="flex lg:hidden" />
      </div>
      <Windows />
    </div>
  )
}

function Windows() {
  const open = useShell((shell) => shell.open)
  return (
    <Suspense fallback={null}>
      {open === 'palette' ? <Palette /> : null}
      {open === 'help' ? <Help /> : null}
    </Suspense>
  )
}
