/** @jsxImportSource preact */
import { groupPosition, spokenText } from '@neipix/ui/rules'
import type { Outgoing } from '@neipix/api/sending'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { View } from '../core/chat'
import type { Said } from '../core/dialogue'
import { memo } from '../memo'
import { useWords, type Words } from '../words'
import { clock, dayOf } from './dates'
import { Icon } from './icons'
import { Body, Bubble } from './message'

/** A reader this near the end is taken to read the end. */
const END_PX = 80
/** Screen readers take what an ended answer puts into the log for news, if it is live at once. */
const SETTLE_MS = 500

interface LogProps {
  readonly view: View
  readonly faceOf: string
  readonly greeting: string
  readonly onOlder: () => void
  readonly onAgain: (id: string) => void
  readonly onDiscard: (id: string) => void
}

/** The dialogue: what was said, the answer that grows, what waits. Follows the end only while the reader is there. */
export function Log(props: LogProps) {
  const words = useWords()
  const { view } = props
  const { dialogue } = view
  const box = useRef<HTMLDivElement>(null)
  const waiting = unsent(view)
  const streaming = dialogue.answer?.answering === true
  const { atEnd, fresh, toEnd, onScroll } = useReading(
    box,
    dialogue.messages,
    waiting.length,
    dialogue.answer?.bytes,
  )
  const busy = useTrailing(streaming || view.phase === 'loading', SETTLE_MS)
  return (
    <div class="log-frame">
      <div
        class="scroller"
        ref={box}
        onScroll={onScroll}
        // A scroller whose content may have nothing to focus takes the keyboard itself.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="group"
        aria-label={words.dialogue}
      >
        <Beginning {...props} />
        <div
          role="log"
          aria-live={atEnd ? 'polite' : 'off'}
          aria-relevant="additions"
          aria-busy={busy ? 'true' : undefined}
          aria-label={words.dialogue}
        >
          <Messages messages={dialogue.messages} faceOf={props.faceOf} />
        </div>
        {waiting.map((item) => (
          <Unsent key={item.id} item={item} {...props} />
        ))}
        <Growing view={view} faceOf={props.faceOf} />
      </div>
      {!atEnd && (
        <button
          type="button"
          class="to-end"
          aria-label={fresh === 0 ? words.toEnd : undefined}
          onClick={toEnd}
        >
          <Icon name="down" />
          {fresh > 0 && words.fresh(fresh)}
        </button>
      )}
      <Announcer view={view} news={!atEnd && fresh > 0 ? words.fresh(fresh) : ''} />
    </div>
  )
}

/** Ours that the dialogue does not show yet. */
function unsent({ waiting, dialogue }: View): readonly Outgoing[] {
  if (waiting.length === 0) return waiting
  const known = new Set(dialogue.messages.map((one) => one.clientId))
  return waiting.filter((one) => !known.has(one.id))
}

function Beginning({ view, faceOf, greeting, onOlder }: LogProps) {
  const words = useWords()
  if (view.phase === 'loading' && view.dialogue.messages.length === 0) {
    return (
      <div class="skeleton" role="status">
        <span class="unseen">{words.loading}</span>
        <i />
        <i />
        <i />
      </div>
    )
  }
  if (view.dialogue.older !== '') {
    return (
      <button type="button" class="older" disabled={view.loadingOlder} onClick={onOlder}>
        {view.loadingOlder ? words.loadingOlder : words.older}
      </button>
    )
  }
  return (
    <>
      <p class="disclosure">{words.disclosure}</p>
      <Bubble author="AUTHOR_ASSISTANT" faceOf={faceOf} time="" position="single">
        <p class="plain" dir="auto">
          {greeting || words.hello}
        </p>
      </Bubble>
    </>
  )
}

const Messages = memo(function Messages(props: {
  readonly messages: readonly Said[]
  readonly faceOf: string
}) {
  const { messages, faceOf } = props
  return (
    <>
      {messages.map((message, index) => (
        <Message
          key={message.id}
          message={message}
          before={messages[index - 1]}
          after={messages[index + 1]}
          faceOf={faceOf}
        />
      ))}
    </>
  )
})

const Message = memo(function Message(props: {
  readonly message: Said
  readonly before: Said | undefined
  readonly after: Said | undefined
  readonly faceOf: string
}) {
  const words = useWords()
  const { message, before, after } = props
  const day = message.at > 0 ? dayOf(message.at, words) : ''
  const newDay = day !== '' && (!before || dayOf(before.at, words) !== day)
  const position = groupPosition(
    newDay ? undefined : groupable(before),
    groupable(message)!,
    groupable(after),
  )
  return (
    <>
      {newDay && <p class="line day">{day}</p>}
      {before && handedOver(before, message, words)}
      <Bubble author={message.author} faceOf={props.faceOf} time={clock(message.at)} position={position}>
        <Body author={message.author} text={message.text} citations={message.citations} />
        {message.interrupted && <p class="cut">{words.interrupted}</p>}
      </Bubble>
    </>
  )
})

function groupable(message: Said | undefined) {
  return message && { author: message.author, authorId: '', at: message.at }
}

function handedOver(before: Said, message: Said, words: Words) {
  const human = message.author === 'AUTHOR_OPERATOR'
  if (human === (before.author === 'AUTHOR_OPERATOR') || message.author === 'AUTHOR_CONTACT') return undefined
  if (!human && message.author !== 'AUTHOR_ASSISTANT') return undefined
  return <p class={human ? 'line human' : 'line ai'}>{human ? words.tookOver : words.tookBack}</p>
}

function Unsent({ item, faceOf, onAgain, onDiscard }: LogProps & { readonly item: Outgoing }) {
  const words = useWords()
  const failed = item.state === 'failed'
  const state = failed ? words.notSent : item.state === 'sending' ? words.sending : words.queued
  const foot = (
    <div class={failed ? 'delivery wrong' : 'delivery'} role={failed ? 'alert' : undefined}>
      <span>{failed ? `${state}. ${words.reasons[item.reason ?? ''] ?? ''}` : state}</span>
      {failed && (
        <>
          <button type="button" onClick={() => onAgain(item.id)}>
            {words.again}
          </button>
          <button type="button" onClick={() => onDiscard(item.id)}>
            {words.discard}
          </button>
        </>
      )}
    </div>
  )
  return (
    <Bubble author="AUTHOR_CONTACT" faceOf={faceOf} time="" position="single" foot={foot}>
      <Body author="AUTHOR_CONTACT" text={item.text} citations={[]} />
    </Bubble>
  )
}

/** The answer while it is written; outside of the live region, or each token would be said. */
function Growing({ view, faceOf }: { readonly view: View; readonly faceOf: string }) {
  const words = useWords()
  const { answer } = view.dialogue
  if (answer && answer.text !== '') {
    return (
      <Bubble author="AUTHOR_ASSISTANT" faceOf={faceOf} time="" position="single" busy>
        <Body author="AUTHOR_ASSISTANT" text={answer.text} citations={[]} streaming />
      </Bubble>
    )
  }
  const who = view.typing ?? (answer?.answering ? 'assistant' : undefined)
  if (!who) return null
  return (
    <Bubble
      author={who === 'operator' ? 'AUTHOR_OPERATOR' : 'AUTHOR_ASSISTANT'}
      faceOf={faceOf}
      time=""
      position="single"
      busy
    >
      <span
        class="dots"
        role="img"
        aria-label={who === 'operator' ? words.operatorTypes : words.assistantTypes}
      >
        <i />
        <i />
        <i />
      </span>
    </Bubble>
  )
}

/** Says once that an answer begins, and once its text. */
function Announcer({ view, news }: { readonly view: View; readonly news: string }) {
  const words = useWords()
  const begun = useRef(false)
  const { answer, messages } = view.dialogue
  const writing = answer?.answering === true
  const last = messages.at(-1)
  if (writing) begun.current = true
  const ended = !writing && begun.current && last?.author === 'AUTHOR_ASSISTANT' ? spokenText(last.text) : ''
  useEffect(() => {
    if (!writing && last?.author === 'AUTHOR_CONTACT') begun.current = false
  }, [writing, last])
  return (
    <div class="unseen">
      <div role="status">{writing ? words.assistantTypes : ended}</div>
      <div role="status">{news}</div>
    </div>
  )
}

/** True while `on`, and for a while after. */
function useTrailing(on: boolean, ms: number): boolean {
  const [held, setHeld] = useState(on)
  useEffect(() => {
    if (on) {
      setHeld(true)
      return
    }
    const timer = setTimeout(() => setHeld(false), ms)
    return () => clearTimeout(timer)
  }, [on, ms])
  return on || held
}

function useReading(
  box: { readonly current: HTMLDivElement | null },
  messages: readonly Said[],
  waiting: number,
  growth: number | undefined,
) {
  const [atEnd, setAtEnd] = useState(true)
  const [seen, setSeen] = useState(0)
  const pinned = useRef(true)
  const height = useRef(0)
  const first = messages[0]?.id
  const firstBefore = useRef(first)
  const last = messages.at(-1)?.seq ?? 0
  const toEnd = () => {
    const node = box.current
    if (!node) return
    node.scrollTop = node.scrollHeight
    pinned.current = true
    setAtEnd(true)
    // The button goes away under the focus.
    if (!node.contains(document.activeElement)) node.focus({ preventScroll: true })
  }
  useLayoutEffect(() => {
    const node = box.current
    if (!node) return
    // Older messages come in above: what is read stays where it is.
    if (firstBefore.current !== undefined && first !== firstBefore.current && !pinned.current) {
      node.scrollTop += node.scrollHeight - height.current
    } else if (pinned.current) {
      node.scrollTop = node.scrollHeight
    }
    firstBefore.current = first
    height.current = node.scrollHeight
  }, [box, messages, first, waiting, growth])
  // One's own message is always shown.
  useLayoutEffect(() => {
    const node = box.current
    if (waiting === 0 || !node) return
    pinned.current = true
    node.scrollTop = node.scrollHeight
    setAtEnd(true)
  }, [box, waiting])
  useEffect(() => {
    const node = box.current
    if (!node || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(() => {
      if (pinned.current) node.scrollTop = node.scrollHeight
    })
    observer.observe(node)
    return () => observer.disconnect()
  }, [box])
  const onScroll = () => {
    const node = box.current
    if (!node) return
    const near = node.scrollHeight - node.clientHeight - node.scrollTop <= END_PX
    pinned.current = near
    if (near !== atEnd) {
      setAtEnd(near)
      if (!near) setSeen(last)
    }
  }
  const fresh = atEnd ? 0 : messages.filter((one) => one.seq > seen && one.author !== 'AUTHOR_CONTACT').length
  return { atEnd, fresh, toEnd, onScroll }
}
