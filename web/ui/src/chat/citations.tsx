import { Popover } from '@base-ui/react/popover'
import { FileText } from 'lucide-react'
import { useCallback } from 'react'
import { cn } from '../cn'
import { cleanText } from './clean-text'
import type { RenderMark } from './markdown-view'

/** A passage that an answer rests on. */
export interface Citation {
  /** The number in the text: `[1]`. */
  readonly number: number
  readonly fileName: string
  readonly page?: number | undefined
  /** The passage, word for word. */
  readonly quote: string
}

/** Words of the citations. */
export interface CitationLabels {
  /** Name of a mark, e.g. «Источник 1: Прайс.pdf, стр. 4». */
  readonly mark: (citation: Citation) => string
  /** «стр. 4» */
  readonly page: (page: number) => string
  /** Heading of the list of sources. */
  readonly sources: string
  /** Name of the button that opens the file; left out where files cannot be opened. */
  readonly open?: string
}

/** Props that all parts of the citations share. */
export interface CitationProps {
  readonly citation: Citation
  readonly labels: CitationLabels
  /** Opens the file at the passage. */
  readonly onOpen?: ((citation: Citation) => void) | undefined
}

/** The mark `[1]` in an answer: a button that shows the passage. */
export function CitationMark(props: CitationProps) {
  return (
    <Popover.Root>
      <Popover.Trigger
        data-slot="citation-mark"
        aria-label={cleanText(props.labels.mark(props.citation))}
        className={cn(
          'mx-0.5 inline-flex h-[1.25em] min-w-[1.25em] items-center justify-center rounded-xs px-1 align-baseline',
          'bg-ai-soft text-ai hover:bg-ai hover:text-ai-ink text-[0.8em] leading-none font-medium',
        )}
      >
        {props.citation.number}
      </Popover.Trigger>
      <Passage {...props} />
    </Popover.Root>
  )
}

function Passage({ citation, labels, onOpen }: CitationProps) {
  return (
    <Popover.Portal>
      <Popover.Positioner sideOffset={6} collisionPadding={8} className="z-50 outline-none">
        <Popover.Popup
          data-slot="citation"
          className={cn(
            'border-line bg-surface text-ink max-w-[min(22rem,var(--available-width))] rounded-lg border p-3 text-sm',
            'max-h-(--available-height) overflow-y-auto shadow-lg outline-none',
          )}
        >
          <Popover.Title className="font-medium break-words">{cleanText(citation.fileName)}</Popover.Title>
          {citation.page !== undefined && <p className="text-ink-2">{labels.page(citation.page)}</p>}
          <Popover.Description
            render={<blockquote />}
            dir="auto"
            className="border-ai mt-2 border-l-2 pl-3 break-words whitespace-pre-wrap"
          >
            {cleanText(citation.quote)}
          </Popover.Description>
          {onOpen && labels.open && (
            <button
              type="button"
              className="text-ai mt-2 min-h-6 underline underline-offset-2 pointer-coarse:min-h-11"
              onClick={() => onOpen(citation)}
            >
              {labels.open}
            </button>
          )}
        </Popover.Popup>
      </Popover.Positioner>
    </Popover.Portal>
  )
}

/** Props of {@link SourceList}. */
export interface SourceListProps {
  readonly citations: readonly Citation[]
  readonly labels: CitationLabels
  readonly onOpen?: ((citation: Citation) => void) | undefined
}

/** The sources under an answer, each with its passage behind a button. */
export function SourceList({ citations, labels, onOpen }: SourceListProps) {
  if (citations.length === 0) return null
  return (
    <section
      data-slot="source-list"
      aria-label={labels.sources}
      className="border-line mt-3 border-t pt-2 text-xs"
    >
      <p aria-hidden className="text-ink-2">
        {labels.sources}
      </p>
      <ol className="mt-1 grid gap-0.5">
        {citations.map((citation) => (
          <li key={citation.number}>
            <Source citation={citation} labels={labels} onOpen={onOpen} />
          </li>
        ))}
      </ol>
    </section>
  )
}

function Source(props: CitationProps) {
  const { citation, labels } = props
  return (
    <Popover.Root>
      <Popover.Trigger
        data-slot="source"
        className={cn(
          'text-ink-2 hover:text-ink flex min-h-6 max-w-full items-center gap-1.5 rounded-sm text-start',
          'pointer-coarse:min-h-11',
        )}
      >
        <span className="text-ai">{citation.number}</span>{' '}
        <FileText aria-hidden className="size-3.5 shrink-0" />
        <span className="truncate">{cleanText(citation.fileName)}</span>{' '}
        {citation.page !== undefined && <span className="shrink-0">{labels.page(citation.page)}</span>}
      </Popover.Trigger>
      <Passage {...props} />
    </Popover.Root>
  )
}

/**
 * The `renderMark` of `Markdown` for these sources. Numbers that have no source stay as they are: a model can
 * write `[7]` of its own. Pass stable `citations`, `labels` and `onOpen`.
 */
export function useCitationMarks({ citations, labels, onOpen }: SourceListProps): RenderMark {
  return useCallback(
    (mark) => {
      const citation = citations.find(({ number }) => number === mark)
      return citation && <CitationMark citation={citation} labels={labels} onOpen={onOpen} />
    },
    [citations, labels, onOpen],
  )
}
