import { useMemo, useState } from 'react'
import { cn } from '../cn'
import { BlockCache, planMarkdown } from './markdown-plan'
import { BlockView, type RenderMark } from './markdown-view'

/** Props of {@link Markdown}. */
export interface MarkdownProps {
  /** A model's text. It is taken for hostile: a document it has read may have dictated it. */
  readonly text: string
  /** The text still grows: what is unfinished at its end is shown as characters. */
  readonly streaming?: boolean
  /** Draws the marks `[1]` that point at sources. Keep it stable between renders. */
  readonly renderMark?: RenderMark | undefined
  readonly className?: string
}

// All styles hang on the root, so that nothing inside carries a class but the language of a code block.
const PROSE = cn(
  'min-w-0 max-w-full overflow-x-auto break-words whitespace-pre-wrap',
  '[&>*+*]:mt-2 [&_li>*+*]:mt-1',
  '[&_a]:text-ai [&_a]:underline [&_a]:underline-offset-2 [&_a]:[overflow-wrap:anywhere]',
  '[&_ol]:list-decimal [&_ul]:list-disc [&_ol]:pl-6 [&_ul]:pl-5 [&_li+li]:mt-1',
  '[&_ol]:whitespace-normal [&_ul]:whitespace-normal [&_li]:whitespace-pre-wrap',
  '[&_blockquote]:border-l-2 [&_blockquote]:border-line [&_blockquote]:pl-3 [&_blockquote]:text-ink-2',
  '[&_code]:rounded-sm [&_code]:bg-sunken [&_code]:px-1 [&_code]:font-mono [&_code]:text-[0.9em]',
  '[&_pre]:rounded-md [&_pre]:bg-sunken [&_pre]:p-3 [&_pre]:whitespace-pre-wrap [&_pre_code]:p-0',
  '[&_h3]:text-[1.1em] [&_h3]:font-semibold [&_h4]:font-semibold [&_h5]:font-medium [&_h6]:font-medium',
  '[&_table]:w-full [&_table]:border-collapse [&_table]:whitespace-normal',
  '[&_:is(td,th)]:min-w-14 [&_:is(td,th)]:[overflow-wrap:anywhere] [&_:is(td,th)]:border-b [&_:is(td,th)]:border-line [&_:is(td,th)]:px-2',
  '[&_:is(td,th)]:py-1 [&_:is(td,th)]:text-start [&_:is(td,th)]:align-top [&_th]:font-medium',
  '[&_:is(td,th)[align=center]]:text-center [&_:is(td,th)[align=right]]:text-end',
  '[&_hr]:border-line',
)

/**
 * Shows a model's text as Markdown built from a fixed set of elements. Raw HTML is shown as characters, images
 * become links, nothing is fetched. It brings a parser along: see `LazyMarkdown`.
 */
export function Markdown({ text, streaming = false, renderMark, className }: MarkdownProps) {
  const [cache] = useState(() => new BlockCache())
  const blocks = useMemo(() => planMarkdown(text, streaming, cache), [text, streaming, cache])
  return (
    <div data-slot="markdown" dir="auto" className={cn(PROSE, className)}>
      {blocks.map((block, index) => (
        <BlockView key={index} block={block} renderMark={renderMark} />
      ))}
    </div>
  )
}
