/** @jsxImportSource preact */
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useWords } from '../words'
import { Icon } from './icons'

/** What the server takes, in characters. */
export const TEXT_MOST = 4000
const COUNTED_FROM = 200
const HEIGHT_MOST = 140

/** The field a message is written in: Enter sends, Shift+Enter breaks the line. */
export function Composer(props: {
  readonly onSend: (text: string) => void
  readonly onInput: () => void
  /** Why nothing can be written now. */
  readonly blocked: string | undefined
  /** Grows each time the field is to take the focus. */
  readonly focus: number
}) {
  const words = useWords()
  const note = useId()
  const field = useRef<HTMLTextAreaElement>(null)
  const [draft, setDraft] = useState('')
  const left = TEXT_MOST - [...draft].length
  const ready = props.blocked === undefined && left >= 0 && draft.trim() !== ''
  const noted = props.blocked ?? (left <= COUNTED_FROM ? words.left(left) : undefined)
  useLayoutEffect(() => {
    const node = field.current
    if (!node) return
    node.style.height = 'auto'
    node.style.height = `${Math.min(node.scrollHeight, HEIGHT_MOST)}px`
  }, [draft])
  useEffect(() => {
    if (props.focus > 0) field.current?.focus()
  }, [props.focus])
  const send = () => {
    if (!ready) return
    props.onSend(draft.trim())
    setDraft('')
    // Sent by the button, the message must not take a phone's keyboard away.
    field.current?.focus()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    // Safari ends a composition before the Enter that ended it; only 229 tells them apart.
    const composing = event.isComposing || event.keyCode === 229
    if (event.key !== 'Enter' || event.shiftKey || composing) return
    event.preventDefault()
    send()
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <div class="field">
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          value={draft}
          readOnly={props.blocked !== undefined}
          aria-label={words.input}
          aria-invalid={left < 0 ? 'true' : undefined}
          aria-describedby={noted === undefined ? undefined : note}
          placeholder={props.blocked === undefined ? words.placeholder : ''}
          enterkeyhint="send"
          onInput={(event) => {
            setDraft(event.currentTarget.value)
            props.onInput()
          }}
          onKeyDown={onKeyDown}
        />
        <button type="submit" class="send" aria-label={words.send} disabled={!ready}>
          <Icon name="send" />
        </button>
      </div>
      {noted !== undefined && (
        <p id={note} class={left < 0 ? 'note wrong' : 'note'}>
          {noted}
        </p>
      )}
      {/* Said once when the limit is crossed; a counter would be said at each key. */}
      <span role="alert" class="unseen">
        {left < 0 ? words.tooLong : ''}
      </span>
    </form>
  )
}
