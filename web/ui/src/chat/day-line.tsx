/** Props of {@link DayLine}. */
export interface DayLineProps {
  /** The day in words: «Сегодня», «12 ноября». */
  readonly label: string
  /** The day as `YYYY-MM-DD`. */
  readonly dateTime: string
}

/** Parts the messages of two days. */
export function DayLine({ label, dateTime }: DayLineProps) {
  return (
    <div data-slot="day-line" className="text-ink-2 flex items-center gap-3 py-2 text-xs">
      <span aria-hidden className="bg-line h-px flex-1" />
      <time dateTime={dateTime}>{label}</time>
      <span aria-hidden className="bg-line h-px flex-1" />
    </div>
  )
}
