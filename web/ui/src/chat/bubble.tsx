import { Bot, CircleSlash, Headset, Info, UserRound } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from '../cn'
import { PixelPortrait } from '../pixel-portrait'
import { cleanText } from './clean-text'
import { DeliveryState, type DeliveryStateProps } from './delivery-state'
import type { GroupPosition } from './grouping'

/** Who wrote a message. */
export interface BubbleAuthor {
  readonly kind: 'contact' | 'assistant' | 'operator'
  /** Gives the portrait its face. */
  readonly id: string
  readonly name: string
  /** The kind in a word: «ИИ», «Оператор», «Клиент». */
  readonly kindLabel: string
}

/** A time as it is shown and as a machine reads it. */
export interface ShownTime {
  readonly label: string
  readonly dateTime: string
}

/** Props of {@link Bubble}. */
export interface BubbleProps {
  readonly author: BubbleAuthor
  readonly time: ShownTime
  /** The reader's own message: stands at the end side. */
  readonly own?: boolean
  /** Place among consecutive messages of one author: only the first says who it is. */
  readonly position?: GroupPosition
  /** The text: `PlainText` for people, `Markdown` for the AI. */
  readonly children: ReactNode
  /** Under the text, e.g. `SourceList`. */
  readonly extra?: ReactNode
  /** State of an outgoing message. */
  readonly delivery?: DeliveryStateProps | undefined
  /** The answer still grows. */
  readonly streaming?: boolean
  /** Words of the mark of an answer that was cut off. */
  readonly interrupted?: string | undefined
}

const LOOKS = {
  assistant: { icon: Bot, word: 'text-ai', box: 'bg-ai-soft' },
  operator: { icon: Headset, word: 'text-human', box: 'bg-human-soft' },
  contact: { icon: UserRound, word: 'text-ink-2', box: 'border border-line bg-surface' },
} as const

/** A message: pine for the AI, ochre for an operator, paper for the customer, with the author in words. */
export function Bubble(props: BubbleProps) {
  const { author, time, own = false, position = 'single', streaming = false } = props
  const opens = position === 'single' || position === 'first'
  const closes = position === 'single' || position === 'last'
  const name = cleanText(author.name)
  return (
    <article
      data-slot="bubble"
      data-author={author.kind}
      data-position={position}
      aria-label={`${name}, ${author.kindLabel}, ${time.label}`}
      aria-busy={streaming || undefined}
      className={cn('flex gap-2', own && 'flex-row-reverse', opens ? 'pt-3' : 'pt-0.5')}
    >
      <Face author={author} visible={opens} />
      <div className={cn('flex max-w-[min(42rem,85%)] min-w-0 flex-col', own ? 'items-end' : 'items-start')}>
        {opens && <Signature author={author} name={name} />}
        <Body {...props} opens={opens} closes={closes} />
        <Foot {...props} closes={closes} />
      </div>
    </article>
  )
}

function Face({ author, visible }: { readonly author: BubbleAuthor; readonly visible: boolean }) {
  if (author.kind === 'contact') return null
  // The column keeps its width, so that grouped messages stand under each other.
  return (
    <div className="w-7 shrink-0">
      {visible && (
        <PixelPortrait id={author.id} size={28} tone={author.kind === 'assistant' ? 'ai' : 'human'} />
      )}
    </div>
  )
}

function Signature({ author, name }: { readonly author: BubbleAuthor; readonly name: string }) {
  const { icon: Icon, word } = LOOKS[author.kind]
  return (
    <p data-slot="signature" className="flex max-w-full items-center gap-1.5 pb-1 text-xs">
      <span className="truncate font-medium">{name}</span>
      <span className={cn('inline-flex shrink-0 items-center gap-1 font-medium', word)}>
        <Icon aria-hidden className="size-3.5" />
        {author.kindLabel}
      </span>
    </p>
  )
}

interface Ends {
  readonly opens: boolean
  readonly closes: boolean
}

function Body({ author, own, opens, closes, interrupted, children, extra }: BubbleProps & Ends) {
  return (
    <div
      className={cn(
        'max-w-full min-w-0 rounded-xl px-3 py-2',
        LOOKS[author.kind].box,
        !opens && (own ? 'rounded-se-sm' : 'rounded-ss-sm'),
        !closes && (own ? 'rounded-ee-sm' : 'rounded-es-sm'),
      )}
    >
      {children}
      {interrupted && (
        <p data-slot="interrupted" className="text-ink-2 mt-1.5 flex items-center gap-1.5 text-xs">
          <CircleSlash aria-hidden className="size-3.5 shrink-0" />
          {interrupted}
        </p>
      )}
      {extra}
    </div>
  )
}

function Foot({ time, delivery, closes }: BubbleProps & Pick<Ends, 'closes'>) {
  // Inside a group the time is in the name of the article; a state that is not the good end is always shown.
  const state = delivery && (closes || delivery.delivery.state !== 'sent') ? delivery : undefined
  if (!closes && !state) return null
  return (
    <p className="text-2xs text-ink-2 flex flex-wrap items-center gap-x-2 pt-1">
      {closes && (
        <time dateTime={time.dateTime} className="tnum">
          {time.label}
        </time>
      )}
      {state && <DeliveryState {...state} />}
    </p>
  )
}

/** Props of {@link SystemLine}. */
export interface SystemLineProps {
  /** The word for the system, read before the text. */
  readonly author: string
  readonly time: ShownTime
  readonly children: ReactNode
}

/** A message of the system itself: nobody's voice, so neither pine nor ochre. */
export function SystemLine({ author, time, children }: SystemLineProps) {
  return (
    <article
      data-slot="system-line"
      aria-label={`${author}, ${time.label}`}
      className="text-ink-2 flex items-start justify-center gap-2 py-2 text-sm"
    >
      <Info aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0">{children}</div>
      <time dateTime={time.dateTime} className="tnum text-2xs mt-0.5 shrink-0">
        {time.label}
      </time>
    </article>
  )
}
