import type { List, ListItem, Nodes, Root, Table } from 'mdast'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { gfmStrikethroughFromMarkdown } from 'mdast-util-gfm-strikethrough'
import { gfmTableFromMarkdown } from 'mdast-util-gfm-table'
import { gfmTaskListItemFromMarkdown } from 'mdast-util-gfm-task-list-item'
import { gfmStrikethrough } from 'micromark-extension-gfm-strikethrough'
import { gfmTable } from 'micromark-extension-gfm-table'
import { gfmTaskListItem } from 'micromark-extension-gfm-task-list-item'
import { cleanText } from './clean-text'
import { safeLink } from './markdown-link'

/** The elements a model's text may become. */
export const TAGS = [
  'p',
  'br',
  'strong',
  'em',
  'del',
  'code',
  'pre',
  'blockquote',
  'ul',
  'ol',
  'li',
  'h3',
  'h4',
  'h5',
  'h6',
  'table',
  'thead',
  'tbody',
  'tr',
  'th',
  'td',
  'hr',
  'a',
] as const
/** One of the allowed elements. */
export type Tag = (typeof TAGS)[number]

/** The attributes a model's text may set. */
export interface SafeAttributes {
  readonly href?: string
  readonly start?: number
  readonly align?: 'left' | 'center' | 'right'
  readonly className?: `language-${string}`
}

/** An allowed element. */
export interface SafeElement {
  readonly tag: Tag
  readonly attributes: SafeAttributes
  readonly children: readonly SafeNode[]
}

/** A numbered reference to a source, `[1]`. */
export interface SafeMark {
  readonly mark: number
}

/** A text, a mark or an element: all that can be shown. */
export type SafeNode = string | SafeMark | SafeElement

/** A parsed piece of text. */
export interface SafeTree {
  readonly nodes: readonly SafeNode[]
  /** How many elements and marks there are. */
  readonly size: number
  /** The source lines of link definitions, for other pieces of the same text. */
  readonly definitions: readonly string[]
}

/** Bounds on what a text may become; beyond them it is shown as it is. */
export const TREE_LIMITS = { elements: 200, depth: 20 } as const

// Raw HTML is not a construct here at all, so tags are read as the characters they are. One tilde is not a
// strike: «~500 ₽» is how a price is rounded.
const SYNTAX = [
  gfmTable(),
  gfmStrikethrough({ singleTilde: false }),
  gfmTaskListItem(),
  { disable: { null: ['htmlFlow', 'htmlText'] } },
]
const TREE = [gfmTableFromMarkdown(), gfmStrikethroughFromMarkdown(), gfmTaskListItemFromMarkdown()]

/** Parses a piece of a model's text into allowed elements; null if it grows beyond the limits. */
export function parseTree(source: string): SafeTree | null {
  const root = fromMarkdown(source, { extensions: SYNTAX, mdastExtensions: TREE })
  const builder = new Builder(source, root)
  const nodes = builder.blocks(root.children, 1)
  return builder.full ? null : { nodes, size: builder.size, definitions: builder.definitions }
}

class Builder {
  size = 0
  readonly definitions: string[] = []
  private readonly source: string
  private readonly targets = new Map<string, string>()

  constructor(source: string, root: Root) {
    this.source = source
    this.collect(root.children)
  }

  get full(): boolean {
    return this.size > TREE_LIMITS.elements
  }

  blocks(nodes: readonly Nodes[], depth: number): SafeNode[] {
    return nodes.flatMap((node) => this.convert(node, depth, false))
  }

  private collect(nodes: readonly Nodes[]): void {
    // Definitions inside quotes and lists are not looked for: a text that hides them there loses a link.
    for (const node of nodes) {
      if (node.type !== 'definition') continue
      if (!this.targets.has(node.identifier)) this.targets.set(node.identifier, node.url)
      const line = this.slice(node)
      if (!line.includes('\n')) this.definitions.push(line)
    }
  }

  private slice(node: Nodes): string {
    const { start, end } = node.position ?? {}
    return this.source.slice(start?.offset ?? 0, end?.offset ?? 0)
  }

  private element(tag: Tag, children: readonly SafeNode[], attributes: SafeAttributes = {}): SafeElement {
    this.size += 1
    return { tag, attributes, children }
  }

  private inline(nodes: readonly Nodes[], depth: number, inLink: boolean): SafeNode[] {
    return nodes.flatMap((node) => this.convert(node, depth, inLink))
  }

  private convert(node: Nodes, depth: number, inLink: boolean): SafeNode[] {
    if (this.full) return []
    if (node.type === 'text') return this.text(node.value, inLink)
    if (depth > TREE_LIMITS.depth) return [cleanText(this.slice(node))]
    const inside = () => ('children' in node ? this.inline(node.children, depth + 1, inLink) : [])
    switch (node.type) {
      case 'paragraph':
        return [this.element('p', inside())]
      case 'heading':
        return [this.element(headingTag(node.depth), inside())]
      case 'blockquote':
        return [this.element('blockquote', inside())]
      case 'emphasis':
        return [this.element('em', inside())]
      case 'strong':
        return [this.element('strong', inside())]
      case 'delete':
        return [this.element('del', inside())]
      case 'inlineCode':
        return [this.element('code', [cleanText(node.value)])]
      case 'code':
        if (depth === TREE_LIMITS.depth) return [cleanText(this.slice(node))]
        return [this.element('pre', [this.element('code', [cleanText(node.value)], language(node.lang))])]
      case 'break':
        return [this.element('br', [])]
      case 'thematicBreak':
        return [this.element('hr', [])]
      case 'list':
        return [this.list(node, depth)]
      case 'table':
        return [this.table(node, depth)]
      default:
        return this.reference(node, depth, inLink)
    }
  }

  private reference(node: Nodes, depth: number, inLink: boolean): SafeNode[] {
    switch (node.type) {
      case 'link':
        return this.link(node.url, this.inline(node.children, depth + 1, true), inLink)
      case 'linkReference': {
        // `[1]` is a source of the answer even if the text defines an address of that name.
        if (node.referenceType === 'shortcut' && /^[1-9]\d{0,2}$/.test(node.identifier)) {
          return this.text(`[${node.identifier}]`, inLink)
        }
        const label = this.inline(node.children, depth + 1, true)
        return this.link(this.targets.get(node.identifier) ?? '', label, inLink)
      }
      case 'image':
        return this.link(node.url, altText(node.alt), inLink)
      case 'imageReference':
        return this.link(this.targets.get(node.identifier) ?? '', altText(node.alt), inLink)
      case 'definition':
        return []
      default:
        return [cleanText('value' in node ? node.value : this.slice(node))]
    }
  }

  private link(url: string, label: readonly SafeNode[], inLink: boolean): SafeNode[] {
    const said = textOf(label)
    const safe = inLink ? null : safeLink(url, said)
    if (!safe) return [...label]
    const children =
      said.trim() === '' ? [safe.address] : safe.shown === null ? label : [...label, ` (${safe.shown})`]
    return [this.element('a', children, { href: safe.href })]
  }

  private text(value: string, inLink: boolean): SafeNode[] {
    const clean = cleanText(value)
    if (inLink || !clean.includes('[')) return [clean]
    const nodes: SafeNode[] = []
    // `[1](` is the beginning of a link that is still being written.
    for (const [i, part] of clean.split(/\[([1-9]\d{0,2})\](?!\()/).entries()) {
      if (i % 2 === 1) {
        this.size += 1
        nodes.push({ mark: Number(part) })
      } else if (part !== '') {
        nodes.push(part)
      }
    }
    return nodes
  }

  private list(node: List, depth: number): SafeElement {
    const loose = Boolean(node.spread) || node.children.some((item) => item.spread)
    const items = node.children.map((item) => this.item(item, depth + 1, loose))
    const start = node.ordered ? node.start : null
    return this.element(
      node.ordered ? 'ol' : 'ul',
      items,
      start === null || start === undefined || start === 1 ? {} : { start },
    )
  }

  private item(node: ListItem, depth: number, loose: boolean): SafeNode {
    if (this.full) return ''
    if (depth > TREE_LIMITS.depth) return cleanText(this.slice(node))
    const tick = typeof node.checked === 'boolean' ? [node.checked ? '☑ ' : '☐ '] : []
    const children = node.children.flatMap((child, index) => {
      if (child.type !== 'paragraph') return this.convert(child, depth + 1, false)
      const words = this.inline(child.children, depth + (loose ? 2 : 1), false)
      const ticked = index === 0 ? [...tick, ...words] : words
      return loose && depth < TREE_LIMITS.depth ? [this.element('p', ticked)] : ticked
    })
    return this.element('li', children)
  }

  private table(node: Table, depth: number): SafeNode {
    // A cell is four levels down: table, section, row, cell.
    if (depth + 3 > TREE_LIMITS.depth) return cleanText(this.slice(node))
    const align = node.align ?? []
    const rows = node.children.map((row, index) => {
      const cells = row.children.slice(0, align.length).map((cell, column) => {
        const side = align[column]
        const children = this.inline(cell.children, depth + 4, false)
        return this.element(index === 0 ? 'th' : 'td', children, side ? { align: side } : {})
      })
      return this.element('tr', cells)
    })
    const [head, ...body] = rows
    const sections = head ? [this.element('thead', [head])] : []
    if (body.length > 0) sections.push(this.element('tbody', body))
    return this.element('table', sections)
  }
}

// A chat message stands under the headings of its page: h1 and h2 are the page's own.
function headingTag(depth: number): Tag {
  const tags: readonly Tag[] = ['h3', 'h4', 'h5', 'h6']
  return tags[depth - 1] ?? 'h6'
}

function language(lang: string | null | undefined): SafeAttributes {
  return lang && /^[\w+#.-]{1,32}$/.test(lang) ? { className: `language-${lang}` } : {}
}

function altText(alt: string | null | undefined): SafeNode[] {
  return alt ? [cleanText(alt)] : []
}

/** The words of some nodes, without their form. */
export function textOf(nodes: readonly SafeNode[]): string {
  return nodes
    .map((node) => {
      if (typeof node === 'string') return node
      return 'mark' in node ? `[${node.mark}]` : textOf(node.children)
    })
    .join('')
}
