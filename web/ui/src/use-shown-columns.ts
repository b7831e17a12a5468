import { useMemo, useSyncExternalStore } from 'react'

/** Tailwind's widths by name, as media queries: from here on a column that hides below it is shown. */
const WIDTHS = { sm: '(min-width: 40rem)', md: '(min-width: 48rem)', lg: '(min-width: 64rem)' } as const

export type Width = keyof typeof WIDTHS

const NAMES = Object.keys(WIDTHS) as Width[]

function subscribe(changed: () => void): () => void {
  const queries = NAMES.map((name) => window.matchMedia(WIDTHS[name]))
  for (const query of queries) query.addEventListener('change', changed)
  return () => {
    for (const query of queries) query.removeEventListener('change', changed)
  }
}

/** How many of the widths the screen has reached. Where nothing is laid out (jsdom), all. */
function reached(): number {
  if (typeof window.matchMedia !== 'function') return NAMES.length
  return NAMES.filter((name) => window.matchMedia(WIDTHS[name]).matches).length
}

/**
 * The columns that this screen has room for. They are left out by script, not by style: a cell that spans all columns
 * must know their number, or the browser lays out columns of nothing.
 */
export function useShownColumns<Column extends { hideBelow?: Width }>(
  columns: readonly Column[],
): readonly Column[] {
  const width = useSyncExternalStore(typeof window.matchMedia === 'function' ? subscribe : never, reached)
  return useMemo(
    () => columns.filter(({ hideBelow }) => !hideBelow || NAMES.indexOf(hideBelow) < width),
    [columns, width],
  )
}

function never(): () => void {
  return () => undefined
}
