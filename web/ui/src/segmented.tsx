import { Toggle } from '@base-ui/react/toggle'
import { ToggleGroup } from '@base-ui/react/toggle-group'
import type { ReactNode } from 'react'
import { cn } from './cn'

export interface Segment<Value extends string> {
  value: Value
  label: ReactNode
  icon?: ReactNode
  /** How many there are behind it. */
  count?: ReactNode
}

export interface SegmentedProps<Value extends string> {
  /** What is filtered. */
  'aria-label': string
  segments: readonly Segment<Value>[]
  value: Value
  onValueChange: (value: Value) => void
  className?: string | undefined
}

/** One of a few filters; one is always on. */
export function Segmented<Value extends string>(props: SegmentedProps<Value>) {
  const { segments, value, onValueChange, className } = props
  return (
    <ToggleGroup<Value>
      data-slot="segmented"
      aria-label={props['aria-label']}
      value={[value]}
      onValueChange={([next]) => {
        // Pressing the one that is on would leave none: nothing changes then.
        if (next !== undefined) onValueChange(next)
      }}
      className={cn('bg-sunken inline-flex max-w-full gap-0.5 overflow-x-auto rounded-md p-0.5', className)}
    >
      {segments.map((segment) => (
        <Toggle<Value>
          key={segment.value}
          data-slot="segment"
          value={segment.value}
          className="text-ink-2 hover:text-ink data-pressed:bg-surface data-pressed:text-ink flex min-h-8 shrink-0 items-center gap-1.5 rounded-sm px-3 text-sm font-medium whitespace-nowrap transition-colors focus-visible:-outline-offset-2 data-pressed:shadow-sm pointer-coarse:min-h-11 [&_svg]:size-4"
        >
          {segment.icon}
          {segment.label}
          {segment.count === undefined ? null : <span className="text-2xs text-ink-2">{segment.count}</span>}
        </Toggle>
      ))}
    </ToggleGroup>
  )
}
