import { useRouterState } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'

/** After a change of screen the focus goes to the new one's title, so that it is read out. */
export function useFocusTitle(): void {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname })
  const first = useRef(true)
  useEffect(() => {
    if (path === undefined) return
    if (first.current) {
      first.current = false
      return
    }
    document.querySelector<HTMLElement>('[data-slot="page-title"]')?.focus({ preventScroll: true })
  }, [path])
}
