import { defaultRangeExtractor, useVirtualizer, type Range } from '@tanstack/react-virtual'
import { useEffect, useState, type RefObject } from 'react'
import { useRowFocus } from './use-row-focus'

interface VirtualRowsOptions {
  rowIds: (index: number) => string | undefined
  count: number
  rowHeight: number
  /** Pixels over the rows that stay in sight. */
  headerHeight: number
  scroller: HTMLElement | null
  body: RefObject<HTMLElement | null>
  /** Changes with the sorting. */
  order: string
}

/** Which rows are drawn, which of them Tab reaches, and the keys that walk them. */
export function useVirtualRows(options: VirtualRowsOptions) {
  const { rowIds, count, rowHeight, headerHeight, scroller, body, order } = options
  const [wanted, setActive] = useState(0)
  const active = Math.min(wanted, Math.max(0, count - 1))
  const virtual = useVirtualizer({
    count,
    getScrollElement: () => scroller,
    estimateSize: () => rowHeight,
    getItemKey: (index) => rowIds(index) ?? index,
    overscan: 8,
    scrollMargin: headerHeight,
    scrollPaddingStart: headerHeight,
    // The row in focus stays drawn, or the keyboard would lose its place.
    rangeExtractor: (range) => withActive(range, active),
  })
  useEffect(() => {
    // In another order the rows that were in sight are elsewhere.
    virtual.scrollToOffset(0)
  }, [virtual, order])
  const onKeyDown = useRowFocus({
    active,
    count,
    body,
    pageSize: () => {
      const height = (virtual.scrollRect?.height ?? 0) - headerHeight
      return Math.max(1, Math.floor(height / rowHeight) - 1)
    },
    moveTo: (index) => {
      setActive(index)
      virtual.scrollToIndex(index)
    },
  })
  return { items: virtual.getVirtualItems(), height: virtual.getTotalSize(), active, setActive, onKeyDown }
}

function withActive(range: Range, active: number): number[] {
  const indexes = defaultRangeExtractor(range)
  if (active >= range.count || indexes.includes(active)) return indexes
  return [...indexes, active].sort((a, b) => a - b)
}
