import { useRouter } from '@tanstack/react-router'
import { useEffect } from 'react'

/**
 * After a change of screen: the page's title is the screen's, and the focus goes to its heading. Paths that `screenOf`
 * gives the same name are one screen: moving between them keeps the focus. Keep it stable.
 */
export function useScreenChange(screenOf: (pathname: string) => string): void {
  const router = useRouter()
  useEffect(() => {
    let screen = screenOf(router.state.location.pathname)
    const settle = (focus: boolean) => {
      const heading = document.querySelector<HTMLElement>('[data-slot="page-title"]')
      document.title = heading?.textContent ? `${heading.textContent} · Neipix` : 'Neipix'
      if (focus) heading?.focus({ preventScroll: true })
    }
    settle(false)
    return router.subscribe('onRendered', ({ toLocation }) => {
      const next = screenOf(toLocation.pathname)
      settle(next !== screen)
      screen = next
    })
  }, [router, screenOf])
}
