import { SendHorizontal } from 'lucide-react'
import { useId, useLayoutEffect, useRef, type KeyboardEvent, type ReactNode } from 'react'
import { cn } from '../cn'

/** Words of the composer. */
export interface ComposerLabels {
  /** Name of the field. */
  readonly input: string
  readonly placeholder: string
  readonly send: string
  /** Characters left; negative when there are too many. */
  readonly remaining: (count: number) => string
  /** Said when the text gets longer than allowed. */
  readonly tooLong: string
}

/** Props of {@link Composer}. */
export interface ComposerProps {
  /** The draft. The caller keeps it, so that it outlives the composer. */
  readonly value: string
  readonly onChange: (value: string) => void
  /** Sends the trimmed text; clearing the draft is the caller's part, once it has taken the message. */
  readonly onSend: (text: string) => void
  readonly labels: ComposerLabels
  readonly maxLength?: number
  /** Why nothing can be written now; shown in place of the counter. */
  readonly disabledReason?: string | undefined
  /** Before the field, e.g. the button of an attachment. */
  readonly start?: ReactNode
  /** Ochre for an operator, pine by default. */
  readonly tone?: 'ai' | 'human'
  readonly className?: string | undefined
}

const MAX_LENGTH = 4000
const COUNT_FROM = 200
const MAX_HEIGHT_PX = 200

/** The field a message is written in: Enter sends, Shift+Enter breaks the line. */
export function Composer(props: ComposerProps) {
  const { value, onChange, onSend, labels, maxLength = MAX_LENGTH, disabledReason, tone = 'ai' } = props
  const field = useRef<HTMLTextAreaElement>(null)
  const noteId = useId()
  useLayoutEffect(() => grow(field.current), [value])
  const remaining = maxLength - lengthOf(value)
  const ready = disabledReason === undefined && remaining >= 0 && value.trim() !== ''
  const noted = disabledReason !== undefined || remaining <= COUNT_FROM
  const send = () => {
    if (!ready) return
    onSend(value.trim())
    // Sent by the button, the message must not take the keyboard of a phone away.
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return
    event.preventDefault()
    send()
  }
  return (
    <form
      data-slot="composer"
      className={cn('flex flex-col gap-1', props.className)}
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <div className="border-line-strong bg-surface has-[textarea:focus-visible]:outline-focus flex items-end gap-1 rounded-xl border p-1 has-[textarea:focus-visible]:outline-2">
        {props.start}
        <textarea
          ref={field}
          rows={1}
          value={value}
          readOnly={disabledReason !== undefined}
          aria-label={labels.input}
          aria-disabled={disabledReason !== undefined || undefined}
          aria-invalid={remaining < 0 || undefined}
          aria-describedby={noted ? noteId : undefined}
          placeholder={labels.placeholder}
          enterKeyHint="send"
          dir="auto"
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={onKeyDown}
          className={cn(
            'text-ink max-h-50 min-h-8 min-w-0 flex-1 resize-none bg-transparent px-2 py-1.5 text-base outline-none',
            'placeholder:text-ink-2 read-only:text-ink-2 read-only:cursor-not-allowed pointer-coarse:text-[1rem]',
          )}
        />
        <SendButton label={labels.send} ready={ready} tone={tone} />
      </div>
      {noted && (
        <p
          id={noteId}
          data-slot="composer-note"
          className={cn('px-2 text-xs', remaining < 0 ? 'text-danger' : 'text-ink-2')}
        >
          {disabledReason ?? labels.remaining(remaining)}
        </p>
      )}
      {/* Said once when the limit is crossed; the counter itself would be said at each key. */}
      <span role="alert" className="sr-only">
        {remaining < 0 && labels.tooLong}
      </span>
    </form>
  )
}

function SendButton(props: {
  readonly label: string
  readonly ready: boolean
  readonly tone: 'ai' | 'human'
}) {
  return (
    <button
      type="submit"
      aria-label={props.label}
      disabled={!props.ready}
      className={cn(
        'inline-flex size-8 shrink-0 items-center justify-center rounded-lg disabled:cursor-not-allowed disabled:opacity-50',
        'pointer-coarse:size-11',
        props.tone === 'ai' ? 'bg-ai text-ai-ink' : 'bg-human text-human-ink',
      )}
    >
      <SendHorizontal aria-hidden className="size-4" />
    </button>
  )
}

// Code points, as the server counts them.
function lengthOf(value: string): number {
  return [...value].length
}

function isComposing(event: KeyboardEvent): boolean {
  // Safari ends the composition before it sends the Enter that ended it; 229 is all that tells them apart.
  return event.nativeEvent.isComposing || event.keyCode === 229
}

function grow(node: HTMLTextAreaElement | null) {
  if (!node) return
  node.style.height = 'auto'
  node.style.height = `${Math.min(node.scrollHeight, MAX_HEIGHT_PX)}px`
}
