import { FenceTracker, isBlank, startsListItem } from './markdown-fence'

/** A piece of a text that can be parsed by itself, and where it begins. */
export interface SourceBlock {
  readonly source: string
  readonly at: number
}

/** What a block would cost to parse. */
export interface Cost {
  /** Characters that can open or close an inline construct, times the length they may be matched over. */
  readonly work: number
  /** False for a block the parser must not see at all. */
  readonly parseable: boolean
}

/** Bounds on what the parser is given; beyond them a text is shown as it is. */
export const PARSE_LIMITS = {
  marks: 1500,
  lines: 600,
  containers: 1000,
  depth: 20,
  columns: 80,
  work: 10_000_000,
} as const

/** The lines of a text with their offsets. */
export function* linesOf(text: string): Generator<{ readonly line: string; readonly at: number }> {
  let at = 0
  while (at <= text.length) {
    const end = text.indexOf('\n', at)
    const stop = end === -1 ? text.length : end
    yield { line: text.slice(at, stop), at }
    at = stop + 1
  }
}

/** Cuts a text where one top-level block ends for certain; a cut too few is harmless, one too many is not. */
export function splitBlocks(text: string): SourceBlock[] {
  const blocks: SourceBlock[] = []
  const fences = new FenceTracker()
  let start = 0
  let blank = false
  const push = (end: number) => {
    const source = text.slice(start, end).replace(/\n+$/, '')
    if (!isBlank(source)) blocks.push({ source, at: start })
    start = end
  }
  for (const { line, at } of linesOf(text)) {
    const inside = fences.holds(line)
    const empty = isBlank(line)
    // An indented line after a blank one may continue a list item or indented code.
    const fresh = !inside && !empty && blank && !/^[ \t]/.test(line)
    if (fresh && !(fences.inList && startsListItem(line))) {
      push(at)
      fences.reset()
    }
    fences.feed(line)
    blank = empty
  }
  push(text.length)
  return blocks
}

const MARKS = /[[\]*_~`<|&\\]/g
const CONTAINERS = /^[ \t]*(?:(?:>|[-+*](?:[ \t]|$)|\d{1,9}[.)](?:[ \t]|$))[ \t]*)*/
const CONTAINER = />|[-+*]|\d+[.)]/g

/** Estimates a parse from above. Parsers of Markdown are quadratic in unmatched marks, so those are counted. */
export function costOf(source: string): Cost {
  let marks = 0
  let lines = 0
  let length = 0
  let containers = 0
  let nested = false
  const fences = new FenceTracker()
  // Only a fence on the first line is code beyond doubt: elsewhere a hostile text could fake one.
  let code = false
  for (const { line, at } of linesOf(source)) {
    if (code || (at === 0 && /^[`~]/.test(line))) {
      code = fences.feed(line)
      if (code) continue
    }
    const opened = containersOf(line)
    lines += 1
    length += line.length
    marks += line.match(MARKS)?.length ?? 0
    containers += opened.count
    nested ||= opened.count > PARSE_LIMITS.depth || opened.columns > PARSE_LIMITS.columns
  }
  const parseable =
    !nested &&
    marks <= PARSE_LIMITS.marks &&
    lines <= PARSE_LIMITS.lines &&
    containers <= PARSE_LIMITS.containers
  return { work: marks * length, parseable }
}

/** The quotes and list items a line stands in, and how far right: items nest by indent as well as on one line. */
function containersOf(line: string): { count: number; columns: number } {
  const prefix = CONTAINERS.exec(line)?.[0] ?? ''
  const count = prefix.match(CONTAINER)?.length ?? 0
  const tabs = prefix.split('\t').length - 1
  return { count, columns: count === 0 ? 0 : prefix.length + 3 * tabs }
}
