import { cn } from './cn'

/** A grey shape the size of what is loading. Mark the loading region itself with `aria-busy`. */
export function Skeleton({ className }: { className?: string | undefined }) {
  return (
    <span
      data-slot="skeleton"
      aria-hidden
      className={cn('bg-line/70 block animate-pulse rounded-sm', className)}
    />
  )
}

export interface SkeletonTextProps {
  lines?: number
  className?: string | undefined
}

/** Lines of text that are loading. */
export function SkeletonText({ lines = 3, className }: SkeletonTextProps) {
  return (
    <span data-slot="skeleton-text" aria-hidden className={cn('flex flex-col gap-2', className)}>
      {Array.from({ length: lines }, (_, line) => (
        <Skeleton key={line} className={cn('h-3.5', line === lines - 1 ? 'w-3/5' : 'w-full')} />
      ))}
    </span>
  )
}
