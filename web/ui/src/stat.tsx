import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn'

/** Numbers in a row, one under another on a phone. */
export function StatGroup({ className, ...props }: ComponentProps<'dl'>) {
  return (
    <dl
      data-slot="stat-group"
      {...props}
      className={cn('grid gap-x-6 gap-y-5 sm:grid-cols-2 lg:auto-cols-fr lg:grid-flow-col', className)}
    />
  )
}

export interface StatProps {
  label: ReactNode
  value: ReactNode
  /** What the number means: compared with when, enough for how long. */
  note?: ReactNode
  /** Whose number it is. */
  tone?: 'neutral' | 'ai' | 'human'
  className?: string | undefined
}

const edge = { neutral: 'border-line', ai: 'border-ai', human: 'border-human' }

/** One number that matters. */
export function Stat({ label, value, note, tone = 'neutral', className }: StatProps) {
  return (
    <div
      data-slot="stat"
      className={cn('flex min-w-0 flex-col gap-0.5 border-l-2 pl-4', edge[tone], className)}
    >
      <dt className="text-ink-2 text-sm">{label}</dt>
      <dd className="text-2xl font-semibold tracking-tight">{value}</dd>
      {note ? <dd className="text-ink-2 text-sm">{note}</dd> : null}
    </div>
  )
}
