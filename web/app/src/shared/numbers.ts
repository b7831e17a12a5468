import { cn } from '@neipix/ui'

/** The look of the row of numbers at the top of a screen; on a phone each takes one line and its note another. */
export const numbers = cn(
  'border-line bg-surface rounded-xl border p-5 shadow-sm max-sm:gap-y-3 max-sm:p-4',
  'max-sm:[&_[data-slot=stat]]:flex-row max-sm:[&_[data-slot=stat]]:flex-wrap max-sm:[&_[data-slot=stat]]:items-baseline max-sm:[&_[data-slot=stat]]:justify-between max-sm:[&_[data-slot=stat]]:gap-x-3 max-sm:[&_[data-slot=stat]]:pl-3',
  'max-sm:[&_dd]:text-lg max-sm:[&_dd+dd]:w-full max-sm:[&_dd+dd]:text-xs',
)
