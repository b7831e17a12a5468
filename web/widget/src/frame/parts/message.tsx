/** @jsxImportSource preact */
import { cleanText, type GroupPosition } from '@neipix/ui/rules'
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useId, useRef, useState } from 'preact/hooks'
import type { Author, WireCitation } from '../core/server'
import { useWords, type Words } from '../words'
import { Icon } from './icons'
import { LazyMarkdown as Markdown } from './lazy-markdown'
import { Portrait } from './portrait'

/** Which of the two voices speaks; the visitor has none. */
function voiceOf(author: Author): 'ai' | 'human' | undefined {
  if (author === 'AUTHOR_CONTACT') return undefined
  return author === 'AUTHOR_OPERATOR' ? 'human' : 'ai'
}

/** Who wrote it, in words. */
export function nameOf(author: Author, words: Words): string {
  switch (author) {
    case 'AUTHOR_CONTACT':
      return words.you
    case 'AUTHOR_OPERATOR':
      return words.operator
    case 'AUTHOR_ASSISTANT':
      return words.assistant
    default:
      return words.system
  }
}

/** The frame of a message: who, when, which voice. */
export function Bubble(props: {
  readonly author: Author
  /** The widget's key gives the assistant its face. */
  readonly faceOf: string
  readonly time: string
  readonly position: GroupPosition
  readonly busy?: boolean
  readonly foot?: ComponentChildren
  readonly children: ComponentChildren
}) {
  const words = useWords()
  const { author, position, time } = props
  const name = nameOf(author, words)
  const voice = voiceOf(author)
  const opens = position === 'single' || position === 'first'
  return (
    <article
      class={`message ${voice ?? 'own'} ${position}`}
      aria-label={time ? `${name}, ${time}` : name}
      aria-busy={props.busy ? 'true' : undefined}
    >
      {voice && <div class="face">{opens && <Portrait id={`${props.faceOf}:${voice}`} voice={voice} />}</div>}
      <div class="column">
        {opens && voice && <p class="name">{name}</p>}
        <div class="bubble">{props.children}</div>
        {props.foot}
        {time && (position === 'single' || position === 'last') && (
          <p class="time" aria-hidden="true">
            {time}
          </p>
        )}
      </div>
    </article>
  )
}

/** The words of a message: a model's with a form, a person's as they are. */
export function Body(props: {
  readonly author: Author
  readonly text: string
  readonly citations: readonly WireCitation[]
  readonly streaming?: boolean
}) {
  if (props.author !== 'AUTHOR_ASSISTANT') {
    return (
      <p class="plain" dir="auto">
        {cleanText(props.text)}
      </p>
    )
  }
  return <Answer {...props} />
}

function Answer(props: {
  readonly text: string
  readonly citations: readonly WireCitation[]
  readonly streaming?: boolean
}) {
  const words = useWords()
  const id = useId()
  const { citations } = props
  const [shown, setShown] = useState<number>()
  const toggle = useCallback((n: number) => setShown((now) => (now === n ? undefined : n)), [])
  const renderMark = useCallback(
    (mark: number) => {
      const citation = citations.find(({ n }) => n === mark)
      // A model can write `[7]` of its own: without a source it stays text.
      if (!citation) return undefined
      return (
        <button
          type="button"
          class="mark"
          aria-expanded={shown === mark}
          aria-controls={`${id}-${mark}`}
          aria-label={words.source(mark, cleanText(citation.title))}
          onClick={() => toggle(mark)}
        >
          {mark}
        </button>
      )
    },
    [citations, shown, words, id, toggle],
  )
  return (
    <>
      <Markdown text={props.text} streaming={props.streaming ?? false} renderMark={renderMark} />
      {citations.length > 0 && <Sources id={id} citations={citations} shown={shown} toggle={toggle} />}
    </>
  )
}

function Sources(props: {
  readonly id: string
  readonly citations: readonly WireCitation[]
  readonly shown: number | undefined
  readonly toggle: (n: number) => void
}) {
  const words = useWords()
  return (
    <section class="sources" aria-label={words.sources}>
      <p aria-hidden="true">{words.sources}</p>
      <ol>
        {props.citations.map((citation) => (
          <Source
            key={citation.n}
            id={`${props.id}-${citation.n}`}
            citation={citation}
            shown={props.shown === citation.n}
            toggle={props.toggle}
          />
        ))}
      </ol>
    </section>
  )
}

function Source(props: {
  readonly id: string
  readonly citation: WireCitation
  readonly shown: boolean
  readonly toggle: (n: number) => void
}) {
  const words = useWords()
  const quote = useRef<HTMLQuoteElement>(null)
  const { n, title, page, quote: text } = props.citation
  useEffect(() => {
    if (props.shown) quote.current?.scrollIntoView({ block: 'nearest' })
  }, [props.shown])
  return (
    <li>
      <button
        type="button"
        aria-expanded={props.shown}
        aria-controls={props.id}
        onClick={() => props.toggle(n)}
      >
        <span class="number">{n}</span>
        <Icon name="file" />
        <span class="title">{cleanText(title)}</span>
        {page > 0 && <span class="page">{words.page(page)}</span>}
      </button>
      <blockquote id={props.id} ref={quote} dir="auto" hidden={!props.shown}>
        {cleanText(text)}
      </blockquote>
    </li>
  )
}
