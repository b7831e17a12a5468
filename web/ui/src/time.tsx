import { cn } from './cn'
import { formatClock, formatDay, formatFull, formatRelative } from './dates'
import { useLocale, type Locale } from './locale'
import { useNow } from './use-now'

export interface TimeProps {
  /** RFC 3339, as the API sends it. */
  value: string
  /** `relative` says how long ago, `day` the date, `clock` the hour, `full` everything. */
  show?: 'relative' | 'day' | 'clock' | 'full'
  /** The present in ms; without it the kit's own clock, which goes on by itself. */
  now?: number
  locale?: Locale
  /** IANA zone; without it the reader's. */
  timeZone?: string
  className?: string | undefined
}

/** A moment, with its full date in the title. */
export function Time({ value, show = 'relative', now, locale, timeZone, className }: TimeProps) {
  const ticking = useNow()
  const language = useLocale(locale)
  const date = new Date(value)
  if (Number.isNaN(date.getTime())) return null
  const full = formatFull(date, language, timeZone)
  const present = new Date(now ?? ticking)
  const text = {
    relative: () => formatRelative(date, present, language, timeZone),
    day: () => formatDay(date, present, language, timeZone),
    clock: () => formatClock(date, language, timeZone),
    full: () => full,
  }[show]()
  return (
    <time
      data-slot="time"
      dateTime={date.toISOString()}
      title={full}
      className={cn('whitespace-nowrap', className)}
    >
      {text}
    </time>
  )
}
