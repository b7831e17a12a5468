import { cn } from './cn'

export interface SpinnerProps {
  /** Words for screen readers; leave out where something near already says what is going on. */
  label?: string | undefined
  className?: string | undefined
}

/** A turning ring for short waits of unknown length. */
export function Spinner({ label, className }: SpinnerProps) {
  const ring = (
    <svg
      data-slot="spinner"
      aria-hidden
      viewBox="0 0 16 16"
      fill="none"
      className={cn('size-4 shrink-0 animate-spin', className)}
    >
      <circle cx="8" cy="8" r="6" stroke="currentColor" strokeWidth="2" opacity="0.25" />
      <path d="M14 8a6 6 0 0 0-6-6" stroke="currentColor" strokeWidth="2" strokeLinecap="round" />
    </svg>
  )
  if (!label) return ring
  return (
    <span role="status" className="inline-flex items-center">
      {ring}
      <span className="sr-only">{label}</span>
    </span>
  )
}
