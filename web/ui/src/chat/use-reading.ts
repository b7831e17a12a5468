import { useCallback, useEffect, useRef, useState, type RefObject } from 'react'

/** Older messages that can be fetched. */
export interface Older {
  readonly loading: boolean
  readonly onLoad: () => void
}

/** What {@link useReading} needs. */
export interface ReadingOptions<Item> {
  readonly items: readonly Item[]
  readonly keyOf: (item: Item) => string
  readonly countsAsNew: (item: Item) => boolean
  readonly older: Older | undefined
  readonly scroller: RefObject<HTMLDivElement | null>
  /** Distance from the end that still counts as the end. */
  readonly threshold: number
}

/** Where the reader is and what has come since. */
export interface Reading {
  readonly atEnd: boolean
  /** The same, for callbacks that outlive a render. */
  readonly isAtEnd: () => boolean
  readonly unseen: number
  readonly onScroll: () => void
}

const OLDER_PX = 240

/** Follows the reader through a list that grows at both ends. */
export function useReading<Item>(options: ReadingOptions<Item>): Reading {
  const { items, keyOf, countsAsNew, older, scroller, threshold } = options
  const [atEnd, setAtEnd] = useState(true)
  const [seen, setSeen] = useState<string>()
  const pinned = useRef(true)
  const asked = useRef<string>(undefined)

  const askOlder = useCallback(() => {
    const first = items[0]
    if (!older || older.loading || first === undefined || asked.current === keyOf(first)) return
    asked.current = keyOf(first)
    older.onLoad()
  }, [items, keyOf, older])

  const onScroll = () => {
    const box = scroller.current
    if (!box) return
    const near = box.scrollHeight - box.clientHeight - box.scrollTop <= threshold
    pinned.current = near
    if (near !== atEnd) {
      const last = items.at(-1)
      setAtEnd(near)
      if (!near) setSeen(last === undefined ? undefined : keyOf(last))
    }
    if (box.scrollTop < OLDER_PX) askOlder()
    // A fetch that failed is tried again when the reader comes back to the top.
    else asked.current = undefined
  }

  // A list that does not fill its box cannot be scrolled, so nobody would ever ask.
  useEffect(() => {
    const box = scroller.current
    if (box && box.clientHeight > 0 && box.scrollHeight <= box.clientHeight) askOlder()
  }, [askOlder, scroller])

  const isAtEnd = useCallback(() => pinned.current, [])
  return { atEnd, isAtEnd, unseen: atEnd ? 0 : countAfter(items, seen, keyOf, countsAsNew), onScroll }
}

function countAfter<Item>(
  items: readonly Item[],
  seen: string | undefined,
  keyOf: (item: Item) => string,
  counts: (item: Item) => boolean,
): number {
  let count = 0
  for (let i = items.length - 1; i >= 0; i -= 1) {
    const item = items[i]
    if (item === undefined || keyOf(item) === seen) break
    if (counts(item)) count += 1
  }
  return count
}
