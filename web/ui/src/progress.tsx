import { Progress as BaseProgress } from '@base-ui/react/progress'
import { cn } from './cn'

export interface ProgressProps {
  /** What is going on. */
  label: string
  /** 0 to `max`; `null` where the length is not known. */
  value: number | null
  max?: number
  /** The state in words, such as «3 из 8 файлов», seen and read out. */
  valueText: string
  /** Keeps the words for screen readers only. */
  compact?: boolean
  tone?: 'ai' | 'human' | 'danger'
  className?: string | undefined
}

const fill = { ai: 'bg-ai', human: 'bg-human', danger: 'bg-danger' }

/** How far something has got. */
export function Progress(props: ProgressProps) {
  const { label, value, max = 100, valueText, compact = false, tone = 'ai', className } = props
  return (
    <BaseProgress.Root
      data-slot="progress"
      value={value}
      max={max}
      aria-valuetext={valueText}
      getAriaValueText={() => valueText}
      className={cn('flex flex-col gap-1.5', className)}
    >
      <div className={cn('flex justify-between gap-3 text-sm', compact && 'sr-only')}>
        <BaseProgress.Label>{label}</BaseProgress.Label>
        <span aria-hidden className="text-ink-2">
          {valueText}
        </span>
      </div>
      <BaseProgress.Track className="bg-line relative h-1.5 overflow-hidden rounded-full">
        <BaseProgress.Indicator
          data-slot="progress-indicator"
          className={cn(
            'h-full rounded-full transition-[width] duration-200 data-indeterminate:w-1/3 data-indeterminate:animate-pulse',
            fill[tone],
          )}
        />
      </BaseProgress.Track>
    </BaseProgress.Root>
  )
}
