import { Bot, Headset } from 'lucide-react'
import { cn } from '../cn'
import { cleanText } from './clean-text'

/** Props of {@link HandOverLine}. */
export interface HandOverLineProps {
  /** Who leads the conversation from here on. */
  readonly to: 'ai' | 'human'
  /** The words: «Разговор взял оператор Анна». */
  readonly label: string
  /** When, as it is shown and as a machine reads it. */
  readonly time?: { readonly label: string; readonly dateTime: string }
}

/** Where the conversation passes from the AI to a person or back. */
export function HandOverLine({ to, label, time }: HandOverLineProps) {
  const Icon = to === 'ai' ? Bot : Headset
  return (
    <div
      data-slot="hand-over-line"
      data-to={to}
      className={cn('flex items-center gap-3 py-2 text-sm', to === 'ai' ? 'text-ai' : 'text-human')}
    >
      <span aria-hidden className="h-px flex-1 bg-current opacity-40" />
      <Icon aria-hidden className="size-4 shrink-0" />
      <p className="min-w-0 font-medium break-words">{cleanText(label)}</p>
      {time && (
        <time dateTime={time.dateTime} className="text-ink-2 shrink-0 text-xs">
          {time.label}
        </time>
      )}
      <span aria-hidden className="h-px flex-1 bg-current opacity-40" />
    </div>
  )
}
