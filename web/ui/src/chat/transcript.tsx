import { useVirtualizer, type Virtualizer } from '@tanstack/react-virtual'
import { ArrowDown } from 'lucide-react'
import { useCallback, useImperativeHandle, useLayoutEffect, useRef, type ReactNode, type Ref } from 'react'
import { cn } from '../cn'
import { Typing } from './typing'
import { useSpokenAnswer, useTrailing, type SpokenAnswer } from './announcement'
import { useReading, type Older } from './use-reading'

/** Lets the owner move the transcript, e.g. after the reader's own message. */
export interface TranscriptHandle {
  readonly scrollToEnd: () => void
}

/** Words of the transcript. */
export interface TranscriptLabels {
  /** Name of the list: «Диалог». */
  readonly name: string
  /** The button back to the end with the number of unread messages: «↓ Новые (3)» without the arrow. */
  readonly newMessages: (count: number) => string
  /** The same button when there is nothing new. */
  readonly toEnd: string
  /** Older messages are being fetched. */
  readonly loadingOlder: string
}

/** Props of {@link Transcript}. */
export interface TranscriptProps<Item> {
  /** Oldest first: messages, day lines, hand-overs. */
  readonly items: readonly Item[]
  /** A key that stays when items are put before. Keep the function stable. */
  readonly keyOf: (item: Item) => string
  readonly children: (item: Item, index: number) => ReactNode
  readonly labels: TranscriptLabels
  /** Which items the button counts; all by default. */
  readonly countsAsNew?: (item: Item) => boolean
  /** Older messages on the server; leave out when there are none. */
  readonly older?: Older | undefined
  /** The AI's latest answer: said once when it begins and once when it is there, never by token. */
  readonly answer?: SpokenAnswer | undefined
  /** An error to be said at once, e.g. that a message was not sent. */
  readonly alert?: string | undefined
  readonly className?: string | undefined
  readonly ref?: Ref<TranscriptHandle>
}

/** A reader this near the end is taken to read the end. */
export const END_PX = 80
const ROW_PX = 84
// Screen readers take the rows that a scroll or a finished answer puts into the page for news, if at once live.
const SETTLE_MS = 500

const everything = () => true

/**
 * The messages of a conversation. Draws only the rows in sight; follows the end only if the reader is there.
 * Give it the conversation's id as `key`: what has been seen and said belongs to one conversation.
 */
export function Transcript<Item>(props: TranscriptProps<Item>) {
  const { items, keyOf, labels, older, countsAsNew = everything, ref } = props
  const scroller = useRef<HTMLDivElement>(null)
  const virtualizer = useRows(items, keyOf, scroller)
  const reading = useReading({ items, keyOf, countsAsNew, older, scroller, threshold: END_PX })
  useStayAtEnd(virtualizer, scroller, reading.isAtEnd)
  useImperativeHandle(ref, () => ({ scrollToEnd: () => virtualizer.scrollToEnd() }), [virtualizer])
  const toEnd = () => {
    virtualizer.scrollToEnd()
    // The button goes away under the focus.
    scroller.current?.focus({ preventScroll: true })
  }
  return (
    <div data-slot="transcript" className={cn('relative h-full min-h-0', props.className)}>
      <Log
        {...props}
        scroller={scroller}
        virtualizer={virtualizer}
        atEnd={reading.atEnd}
        onScroll={reading.onScroll}
      />
      {older?.loading && (
        <div className="pointer-events-none absolute inset-x-0 top-2 flex justify-center">
          <span className="border-line bg-surface rounded-full border px-3 py-1 shadow-sm">
            <Typing label={labels.loadingOlder} showLabel />
          </span>
        </div>
      )}
      {!reading.atEnd && (
        <ToEnd
          label={reading.unseen > 0 ? labels.newMessages(reading.unseen) : labels.toEnd}
          bare={reading.unseen === 0}
          onClick={toEnd}
        />
      )}
      <Announcer
        answer={props.answer}
        alert={props.alert}
        news={reading.unseen > 0 ? labels.newMessages(reading.unseen) : ''}
      />
    </div>
  )
}

type Rows = Virtualizer<HTMLDivElement, HTMLDivElement>

function useRows<Item>(
  items: readonly Item[],
  keyOf: (item: Item) => string,
  scroller: { readonly current: HTMLDivElement | null },
): Rows {
  const getItemKey = useCallback(
    (index: number) => {
      const item = items[index]
      return item === undefined ? index : keyOf(item)
    },
    [items, keyOf],
  )
  return useVirtualizer<HTMLDivElement, HTMLDivElement>({
    count: items.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    getItemKey,
    overscan: 8,
    paddingStart: 12,
    paddingEnd: 12,
    anchorTo: 'end',
    followOnAppend: true,
    scrollEndThreshold: END_PX,
    initialOffset: () => items.length * ROW_PX,
  })
}

/** Keeps a reader at the end there, also when the box itself shrinks under a growing composer or a keyboard. */
function useStayAtEnd(
  virtualizer: Rows,
  scroller: { readonly current: HTMLDivElement | null },
  isAtEnd: () => boolean,
) {
  useLayoutEffect(() => {
    virtualizer.scrollToEnd()
    const box = scroller.current
    if (!box || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(() => {
      if (isAtEnd()) virtualizer.scrollToEnd()
    })
    observer.observe(box)
    return () => observer.disconnect()
  }, [virtualizer, scroller, isAtEnd])
}

interface LogProps<Item> extends TranscriptProps<Item> {
  readonly scroller: Ref<HTMLDivElement>
  readonly virtualizer: Rows
  readonly atEnd: boolean
  readonly onScroll: () => void
}

function Log<Item>({
  items,
  children,
  labels,
  answer,
  scroller,
  virtualizer,
  atEnd,
  onScroll,
}: LogProps<Item>) {
  const away = useTrailing(!atEnd, SETTLE_MS)
  const busy = useTrailing(answer?.state === 'streaming', SETTLE_MS)
  return (
    <div
      ref={scroller}
      role="log"
      // A scroller whose content has nothing to focus must take the keyboard itself.
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
      tabIndex={0}
      aria-label={labels.name}
      aria-live={away ? 'off' : 'polite'}
      aria-relevant="additions"
      aria-busy={busy}
      onScroll={onScroll}
      className="h-full overflow-y-auto overscroll-contain [overflow-anchor:none]"
    >
      <div className="relative w-full" style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((row) => {
          const item = items[row.index]
          return (
            <div
              key={row.key}
              ref={virtualizer.measureElement}
              data-index={row.index}
              className="absolute inset-x-0 top-0 px-4"
              style={{ transform: `translateY(${row.start}px)` }}
            >
              {item !== undefined && children(item, row.index)}
            </div>
          )
        })}
      </div>
    </div>
  )
}

function ToEnd(props: { readonly label: string; readonly bare: boolean; readonly onClick: () => void }) {
  return (
    <div className="pointer-events-none absolute inset-x-0 bottom-3 flex justify-center">
      <button
        type="button"
        data-slot="to-end"
        onClick={props.onClick}
        {...(props.bare && { 'aria-label': props.label })}
        className={cn(
          'pointer-events-auto inline-flex min-h-8 min-w-8 items-center justify-center gap-1.5 rounded-full border',
          'border-line bg-surface text-ink hover:bg-sunken px-2 text-sm font-medium shadow-lg',
          'pointer-coarse:min-h-11 pointer-coarse:min-w-11',
        )}
      >
        <ArrowDown aria-hidden className="size-4" />
        {!props.bare && <span className="pe-1">{props.label}</span>}
      </button>
    </div>
  )
}

interface AnnouncerProps {
  readonly answer: SpokenAnswer | undefined
  readonly alert: string | undefined
  readonly news: string
}

function Announcer({ answer, alert, news }: AnnouncerProps) {
  const spoken = useSpokenAnswer(answer)
  return (
    <div className="sr-only">
      <div role="status" data-slot="announcer">
        {spoken}
      </div>
      <div role="status">{news}</div>
      <div role="alert">{alert}</div>
    </div>
  )
}
