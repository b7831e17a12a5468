import { cn } from '../cn'

/** Props of {@link Typing}. */
export interface TypingProps {
  /** Who is writing, e.g. «Мария печатает». */
  readonly label: string
  /** Pine for the AI, ochre for a person. */
  readonly tone?: 'ai' | 'human'
  /** Shows the words beside the dots; without it they are only read out. */
  readonly showLabel?: boolean
  readonly className?: string | undefined
}

const DELAYS = ['', '[animation-delay:150ms]', '[animation-delay:300ms]']

/** Three dots: somebody is writing. Not a live region, the transcript says it once. */
export function Typing({ label, tone = 'ai', showLabel = false, className }: TypingProps) {
  return (
    <span data-slot="typing" data-tone={tone} className={cn('inline-flex items-center gap-2', className)}>
      <span
        {...(showLabel ? { 'aria-hidden': true } : { role: 'img', 'aria-label': label })}
        className={cn('inline-flex h-5 items-center gap-1', tone === 'ai' ? 'text-ai' : 'text-human')}
      >
        {DELAYS.map((delay) => (
          <span
            key={delay}
            className={cn('size-1.5 animate-pulse rounded-full bg-current motion-reduce:animate-none', delay)}
          />
        ))}
      </span>
      {showLabel && <span className="text-ink-2 text-sm">{label}</span>}
    </span>
  )
}
