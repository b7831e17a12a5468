import { Outlet } from '@tanstack/react-router'

/** What stands around every screen of a signed-in person. */
export function Shell() {
  return (
    <main className="p-6">
      <Outlet />
    </main>
  )
}
