import { cn } from './cn'

export interface KbdProps {
  /** Keys in order, such as `['⌘', 'K']`. */
  keys: readonly string[]
  className?: string | undefined
}

/** Keys to press. */
export function Kbd({ keys, className }: KbdProps) {
  return (
    <span data-slot="kbd" className={cn('inline-flex shrink-0 items-center gap-0.5', className)}>
      {keys.map((key, place) => (
        <kbd
          key={place}
          className="border-line bg-surface text-2xs text-ink-2 flex h-5 min-w-5 items-center justify-center rounded-sm border px-1 font-sans"
        >
          {key}
        </kbd>
      ))}
    </span>
  )
}
