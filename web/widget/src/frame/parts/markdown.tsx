/** @jsxImportSource preact */
import {
  BlockCache,
  planMarkdown,
  type PlannedBlock,
  type SafeElement,
  type SafeNode,
} from '@neipix/ui/rules'
import { Fragment, createElement, type ComponentChildren, type VNode } from 'preact'
import { useMemo, useState } from 'preact/hooks'
import { memo } from '../memo'

/** Draws the mark `[n]`; nothing returned leaves the characters. */
export type RenderMark = (mark: number) => VNode | undefined

/** Props of {@link Markdown}. */
export interface MarkdownProps {
  readonly text: string
  readonly streaming?: boolean
  readonly renderMark?: RenderMark | undefined
}

/** A model's text: the kit's rules decide what it may become; here it is only drawn. Nothing in it is fetched. */
export function Markdown(props: MarkdownProps) {
  const { text, streaming = false, renderMark } = props
  const [cache] = useState(() => new BlockCache())
  const blocks = useMemo(() => planMarkdown(text, streaming, cache), [text, streaming, cache])
  return (
    <div class="markdown" dir="auto">
      {blocks.map((block, index) => (
        <Block key={index} block={block} renderMark={renderMark} />
      ))}
    </div>
  )
}

// A token draws the last block anew, not the whole answer.
const Block = memo(function Block(props: {
  readonly block: PlannedBlock
  readonly renderMark: RenderMark | undefined
}) {
  return createElement(Fragment, null, ...props.block.nodes.map((node) => draw(node, props.renderMark)))
})

function draw(node: SafeNode, renderMark: RenderMark | undefined): ComponentChildren {
  if (typeof node === 'string') return node
  if ('mark' in node) return renderMark?.(node.mark) ?? `[${node.mark}]`
  return createElement(
    node.tag,
    attributesOf(node) as Record<string, unknown>,
    ...node.children.map((child) => draw(child, renderMark)),
  )
}

function attributesOf({ tag, attributes }: SafeElement) {
  if (tag !== 'a') return attributes
  return { ...attributes, target: '_blank', rel: 'noopener noreferrer nofollow ugc' }
}
