import { Fragment, createElement, memo, type ReactNode } from 'react'
import type { PlannedBlock } from './markdown-plan'
import type { SafeElement, SafeNode } from './markdown-tree'

/** Draws the mark `[n]`; nothing returned leaves the characters. Must be stable, or every block is drawn again. */
export type RenderMark = (mark: number) => ReactNode

/** Props of {@link BlockView}. */
export interface BlockViewProps {
  readonly block: PlannedBlock
  readonly renderMark?: RenderMark | undefined
}

/** One block of a text. Drawn again only when the block itself or the way of drawing marks changes. */
export const BlockView = memo(function BlockView({ block, renderMark }: BlockViewProps) {
  // As arguments, not as an array: the order inside a block never changes, so keys would say nothing.
  return createElement(Fragment, null, ...block.nodes.map((node) => draw(node, renderMark)))
})

function draw(node: SafeNode, renderMark: RenderMark | undefined): ReactNode {
  if (typeof node === 'string') return node
  if ('mark' in node) return renderMark?.(node.mark) ?? `[${node.mark}]`
  return createElement(node.tag, attributesOf(node), ...node.children.map((child) => draw(child, renderMark)))
}

function attributesOf(element: SafeElement) {
  if (element.tag !== 'a') return element.attributes
  return { ...element.attributes, target: '_blank', rel: 'noopener noreferrer nofollow ugc' }
}
