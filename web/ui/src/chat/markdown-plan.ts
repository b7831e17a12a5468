import { cleanText, utf8Length } from './clean-text'
import { PARSE_LIMITS, costOf, splitBlocks, type SourceBlock } from './markdown-blocks'
import { escapeMarkdown, holdFrom } from './markdown-hold'
import { TREE_LIMITS, parseTree, type SafeNode, type SafeTree } from './markdown-tree'

/** One piece of a text, ready to show. The same piece of the same text is the same object at each plan. */
export interface PlannedBlock {
  readonly nodes: readonly SafeNode[]
}

/** How much of a text is given a form; the rest is shown as it is. */
export const TEXT_LIMIT = 50 * 1024

const MAX_DEFINITIONS = 20

interface Parsed extends PlannedBlock {
  readonly size: number
  readonly work: number
  readonly bytes: number
  readonly definitions: readonly string[]
}

/** Remembers the pieces of one growing text, so that a token costs the parse of the last piece only. */
export class BlockCache {
  private known = new Map<string, Parsed | null>()
  private used = new Map<string, Parsed | null>()

  /** The parsed piece; null when it is beyond the limits. */
  parse(source: string, definitions = ''): Parsed | null {
    const key = `${source.length}:${source}${definitions}`
    const old = this.used.get(key) ?? this.known.get(key)
    const parsed = old === undefined ? parsePiece(source, definitions) : old
    this.used.set(key, parsed)
    return parsed
  }

  /** Forgets the pieces that were not asked for since the last call. */
  sweep(): void {
    this.known = this.used
    this.used = new Map()
  }
}

function parsePiece(source: string, definitions: string): Parsed | null {
  const cost = costOf(source)
  if (!cost.parseable || cost.work > PARSE_LIMITS.work) return null
  const tree = safely(definitions ? `${source}\n\n${definitions}` : source)
  return tree && { ...tree, work: cost.work, bytes: utf8Length(source) }
}

function safely(source: string): SafeTree | null {
  try {
    return parseTree(source)
  } catch {
    // A parser that gives up on a hostile text must not take the conversation with it.
    return null
  }
}

/** Turns a text into blocks to show, rich as far as the limits reach and plain after that. */
export function planMarkdown(text: string, streaming: boolean, cache: BlockCache): readonly PlannedBlock[] {
  const clean = cleanText(text).replace(/\r\n?/g, '\n')
  const sources = splitBlocks(clean)
  const tail = streaming ? sources.at(-1) : undefined
  const definitions = definitionsOf(sources, tail, cache)
  const planned: PlannedBlock[] = []
  const left = { elements: TREE_LIMITS.elements, work: PARSE_LIMITS.work, bytes: TEXT_LIMIT }
  for (const block of sources) {
    const open = block === tail ? openPiece(block.source) : { rich: block.source, plain: '' }
    const extra = definitions && wantsDefinitions(open.rich) ? definitions : ''
    const parsed = open.rich === '' ? null : cache.parse(open.rich, extra)
    if (parsed) {
      left.elements -= parsed.size
      left.work -= parsed.work
      left.bytes -= parsed.bytes
    }
    const over = left.elements < 0 || left.work < 0 || left.bytes < 0
    if (over || (!parsed && open.rich !== '')) {
      planned.push(plain(clean.slice(block.at)))
      break
    }
    if (parsed) planned.push(parsed)
    if (open.plain) planned.push(plain(open.plain))
  }
  cache.sweep()
  return planned
}

function plain(text: string): PlannedBlock {
  return { nodes: [{ tag: 'p', attributes: {}, children: [text.replace(/^\n+|\n+$/g, '')] }] }
}

/** Parts the block that is still being written into what is sure and what is held as text. */
function openPiece(source: string): { rich: string; plain: string } {
  const hold = holdFrom(source)
  if (!hold) return { rich: source, plain: '' }
  const sure = source.slice(0, hold.at)
  const held = source.slice(hold.at)
  if (hold.kind === 'inline') return { rich: sure + escapeMarkdown(held), plain: '' }
  return { rich: sure.replace(/\n+$/, ''), plain: held }
}

/** The link definitions of the finished pieces: an address that is still being written must not be followed. */
function definitionsOf(
  sources: readonly SourceBlock[],
  tail: SourceBlock | undefined,
  cache: BlockCache,
): string {
  const found: string[] = []
  let work: number = PARSE_LIMITS.work
  for (const block of sources) {
    if (found.length >= MAX_DEFINITIONS || work < 0 || block.at > TEXT_LIMIT) break
    if (block === tail || !block.source.includes(']:')) continue
    const parsed = cache.parse(block.source)
    work -= parsed?.work ?? 0
    found.push(...(parsed?.definitions ?? []))
  }
  return found.slice(0, MAX_DEFINITIONS).join('\n')
}

function wantsDefinitions(source: string): boolean {
  // What is put behind an unclosed fence would become its code.
  return source.includes('[') && holdFrom(source)?.kind !== 'fence'
}
