import { useVirtualizer } from '@tanstack/react-virtual'
import { useEffect, useLayoutEffect, useRef, useState, type ReactNode } from 'react'
import { Button } from './button'
import { cn } from './cn'
import type { DataTablePaging } from './data-table'
import { useRowFocus } from './use-row-focus'

/** What the one link or button of a row takes, so that arrows walk the rows. */
export interface RowListItemProps {
  'data-index': number
  tabIndex: 0 | -1
  onFocus: () => void
}

export interface RowListProps<Row> {
  /** Name of the list. */
  'aria-label': string
  /** `undefined` while the first page loads. */
  rows: readonly Row[] | undefined
  rowId: (row: Row) => string
  /** Pixels; what is taller is cut. */
  rowHeight: number
  /** Draws a row: one link or button that takes these props. */
  children: (row: Row, props: RowListItemProps) => ReactNode
  paging?: DataTablePaging | undefined
  /** What to show without rows. */
  empty: ReactNode
  /** In place of rows: an `ErrorState` or `NoAccess`. */
  error?: ReactNode
  /** One row that loads. */
  skeleton: ReactNode
  /** The row that is open beside the list; brought into sight when it changes. */
  selectedId?: string | undefined
  /** Changes where the list is another one: then it begins at its top. */
  listKey?: string
  className?: string | undefined
}

const SKELETONS = 8
const NEAR_END = 8

/**
 * Rows of one height that fill their container; 10,000 scroll smoothly. Rows may come, go and move by themselves: what
 * the reader looks at stays where it is, unless that is the top.
 */
export function RowList<Row>(props: RowListProps<Row>) {
  const { rows, error, empty, skeleton, className } = props
  const nothing = error ?? (rows?.length === 0 ? empty : null)
  return (
    <div data-slot="row-list" className={cn('flex h-full min-h-0 min-w-0 flex-col', className)}>
      {nothing ??
        (rows === undefined ? (
          <div aria-busy className="min-h-0 flex-1 overflow-hidden">
            <span className="sr-only">{props['aria-label']}</span>
            {Array.from({ length: SKELETONS }, (_, n) => (
              <div key={n} style={{ height: props.rowHeight }}>
                {skeleton}
              </div>
            ))}
          </div>
        ) : (
          <Rows {...props} rows={rows} />
        ))}
    </div>
  )
}

function Rows<Row>(props: RowListProps<Row> & { rows: readonly Row[] }) {
  const { rows, rowId, rowHeight, children, paging, selectedId, listKey } = props
  const scroller = useRef<HTMLDivElement>(null)
  const [wanted, setActive] = useState(0)
  const active = Math.min(wanted, rows.length - 1)
  const virtual = useVirtualizer<HTMLDivElement, HTMLLIElement>({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => rowId(rows[index]!),
    overscan: 8,
    // The row in focus stays drawn, or the keyboard would lose its place.
    rangeExtractor: ({ startIndex, endIndex, overscan, count }) => {
      const from = Math.max(0, startIndex - overscan)
      const to = Math.min(count - 1, endIndex + overscan)
      const drawn = Array.from({ length: to - from + 1 }, (_, n) => from + n)
      return active < from ? [active, ...drawn] : active > to && active < count ? [...drawn, active] : drawn
    },
  })
  const onKeyDown = useRowFocus({
    active,
    count: rows.length,
    body: scroller,
    pageSize: () => Math.max(1, Math.floor((virtual.scrollRect?.height ?? 0) / rowHeight) - 1),
    moveTo: (index) => {
      setActive(index)
      virtual.scrollToIndex(index)
    },
  })
  useStay(scroller, rows, rowId, rowHeight)
  useEffect(() => {
    virtual.scrollToOffset(0)
  }, [virtual, listKey])
  useReveal(selectedId, rows, rowId, (index) => virtual.scrollToIndex(index))
  const items = virtual.getVirtualItems()
  useNextPage(paging, items.at(-1)?.index ?? -1, rows.length)
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto overscroll-contain [overflow-anchor:none]">
      {/* The keys are those of the rows' links, which bubble. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <ul
        aria-label={props['aria-label']}
        onKeyDown={onKeyDown}
        className="relative"
        style={{ height: virtual.getTotalSize() }}
      >
        {items.map(({ key, index, start }) => (
          <li
            key={key}
            aria-setsize={paging?.hasMore ? -1 : rows.length}
            aria-posinset={index + 1}
            className="absolute inset-x-0 top-0 overflow-hidden"
            style={{ height: rowHeight, transform: `translateY(${start}px)` }}
          >
            {children(rows[index]!, {
              'data-index': index,
              tabIndex: index === active ? 0 : -1,
              onFocus: () => setActive(index),
            })}
          </li>
        ))}
      </ul>
      {paging?.hasMore ? <More paging={paging} /> : null}
    </div>
  )
}

function More({ paging }: { paging: DataTablePaging }) {
  return (
    <div data-slot="row-list-more" className="flex flex-wrap items-center justify-center gap-3 p-3">
      {paging.error ? (
        <span role="alert" className="text-danger text-sm">
          {paging.error}
        </span>
      ) : null}
      <Button size="sm" loading={paging.loading} onClick={paging.onMore}>
        {paging.moreLabel}
      </Button>
    </div>
  )
}

/** Rows that move above the reader move nothing under their eyes. */
function useStay<Row>(
  scroller: { readonly current: HTMLDivElement | null },
  rows: readonly Row[],
  rowId: (row: Row) => string,
  rowHeight: number,
) {
  const before = useRef(rows)
  useLayoutEffect(() => {
    const was = before.current
    before.current = rows
    const box = scroller.current
    if (!box || was === rows || box.scrollTop < rowHeight / 2) return
    const top = was[Math.floor(box.scrollTop / rowHeight)]
    if (top === undefined) return
    const id = rowId(top)
    const at = was.indexOf(top)
    const now = rows.findIndex((row) => rowId(row) === id)
    // The row itself went up: the reader stays with those that were around it.
    if (now >= 0 && now > at) box.scrollTo({ top: box.scrollTop + (now - at) * rowHeight })
  }, [rows, rowId, rowHeight, scroller])
}

function useReveal<Row>(
  selectedId: string | undefined,
  rows: readonly Row[],
  rowId: (row: Row) => string,
  reveal: (index: number) => void,
) {
  const shown = useRef<string>(undefined)
  useEffect(() => {
    if (selectedId === undefined || shown.current === selectedId) return
    const index = rows.findIndex((row) => rowId(row) === selectedId)
    if (index < 0) return
    shown.current = selectedId
    reveal(index)
  })
}

/* Asks for the next page a little before its end is seen; after a failure only the button asks again. */
function useNextPage(paging: DataTablePaging | undefined, last: number, count: number) {
  const askedAt = useRef(-1)
  useEffect(() => {
    if (!paging?.hasMore || paging.loading || paging.error) return
    if (last < count - NEAR_END || askedAt.current === count) return
    askedAt.current = count
    paging.onMore()
  })
}
