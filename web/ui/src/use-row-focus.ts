import { useEffect, useRef, type KeyboardEvent, type RefObject } from 'react'

interface RowFocusOptions {
  /** The one row that Tab reaches. */
  active: number
  count: number
  /** How many rows a page key jumps over. */
  pageSize: () => number
  body: RefObject<HTMLElement | null>
  /** Makes a row the active one and brings it into sight. */
  moveTo: (index: number) => void
}

/** Arrow keys, Home, End and the page keys move focus over rows, also over those not yet drawn. */
export function useRowFocus({ active, count, pageSize, body, moveTo }: RowFocusOptions) {
  const pending = useRef(false)

  // The row may be drawn only after the scroll that brings it in, hence after any render.
  useEffect(() => {
    if (!pending.current) return
    const row = body.current?.querySelector<HTMLElement>(`[data-index="${active}"]`)
    if (!row) return
    pending.current = false
    row.focus({ preventScroll: true })
  })

  return (event: KeyboardEvent<HTMLElement>) => {
    const onRow = event.target instanceof HTMLElement && event.target.dataset['index'] !== undefined
    if (!onRow || event.altKey || event.ctrlKey || event.metaKey) return
    const target = destination(event.key, active, count, pageSize())
    if (target === null) return
    event.preventDefault()
    // No move, no render: a wish left pending would pull the focus back later.
    if (target === active) return
    pending.current = true
    moveTo(target)
  }
}

function destination(key: string, from: number, count: number, page: number): number | null {
  const clamp = (index: number) => Math.max(0, Math.min(count - 1, index))
  switch (key) {
    case 'ArrowDown':
      return clamp(from + 1)
    case 'ArrowUp':
      return clamp(from - 1)
    case 'PageDown':
      return clamp(from + page)
    case 'PageUp':
      return clamp(from - page)
    case 'Home':
      return 0
    case 'End':
      return count - 1
    default:
      return null
  }
}
