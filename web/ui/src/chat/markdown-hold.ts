import { linesOf } from './markdown-blocks'
import { FenceTracker, isBlank } from './markdown-fence'

/** Where the unfinished end of a streamed block begins. */
export interface Hold {
  readonly at: number
  readonly kind: 'fence' | 'inline'
}

/** Finds the link, image, code or fence that a streamed block has begun but not ended; null if there is none. */
export function holdFrom(source: string): Hold | null {
  const { fence, leaf } = survey(source)
  if (fence !== null) return { at: fence, kind: 'fence' }
  const at = earliest(unfinishedInline(source, leaf), unfinishedMarker(source))
  return at === null ? null : { at, kind: 'inline' }
}

/** Backslashes every mark of Markdown, so that the text reads as it is written. */
export function escapeMarkdown(text: string): string {
  return text.replace(/[!-/:-@[-`{-~]/g, '\\$&')
}

// What begins a new leaf: brackets do not pair across it.
const LEAF = /^[ \t>]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]|#{1,6}[ \t]|\|)/

function survey(source: string): { fence: number | null; leaf: number } {
  const fences = new FenceTracker()
  let fence: number | null = null
  let leaf = 0
  for (const { line, at } of linesOf(source)) {
    const inside = fences.holds(line)
    const open = fences.feed(line)
    if (!open) fence = null
    else if (!inside) fence = at
    if (LEAF.test(line)) leaf = at
    else if (inside || isBlank(line.replace(/^[ \t>]+/, ''))) leaf = at + line.length
  }
  return { fence, leaf }
}

// A line of one marker may yet become a list, a heading or an underline: shown raw, it would flicker.
const MARKER = /^[ \t>]*(?:[-=]+|[+*]|\d{1,9}[.)]?|#{1,6}|`{1,2}|~{1,2})[ \t]*$/

function unfinishedMarker(source: string): number | null {
  const at = source.lastIndexOf('\n') + 1
  return MARKER.test(source.slice(at)) ? at : null
}

function earliest(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

const AUTOLINK = /^<[A-Za-z0-9][^\s<>]*$/
// Longer addresses are not waited for: looking for the end again at each `<` would be quadratic.
const MAX_AUTOLINK = 2048

function unfinishedInline(source: string, from: number): number | null {
  const open: number[] = []
  const first = (at: number) => open[0] ?? at
  let i = from
  while (i < source.length) {
    const char = source.charAt(i)
    if (char === '\\') {
      i += 2
    } else if (char === '`') {
      const end = codeEnd(source, i)
      if (end === null) return first(i)
      i = end
    } else if (char === '<' && source.length - i < MAX_AUTOLINK && AUTOLINK.test(source.slice(i))) {
      return first(i)
    } else if (char === '[') {
      open.push(source.charAt(i - 1) === '!' && i > from ? i - 1 : i)
      i += 1
    } else if (char === ']' && open.length > 0) {
      const start = open.pop() ?? i
      const end = labelEnd(source, start, i)
      if (end === null) return first(start)
      i = end
    } else {
      i += 1
    }
  }
  return open[0] ?? null
}

function codeEnd(source: string, at: number): number | null {
  const run = /^`+/.exec(source.slice(at, at + 64))?.[0] ?? '`'
  const close = new RegExp(`(?<!\`)${run}(?!\`)`, 'g')
  close.lastIndex = at + run.length
  return close.test(source) ? close.lastIndex : null
}

/** Where the link that closes its label at `close` ends; null if its end has not come yet. */
function labelEnd(source: string, start: number, close: number): number | null {
  const next = source.charAt(close + 1)
  if (next === '') return null
  if (next === '(') return balancedEnd(source, close + 1, '(', ')')
  if (next === '[') return balancedEnd(source, close + 1, '[', ']')
  if (next === ':' && startsLine(source, start)) {
    // The address of a definition may still grow until its line ends.
    return /^[ \t]*\n?[ \t]*\S+[ \t]*\n/.test(source.slice(close + 2)) ? close + 2 : null
  }
  return close + 1
}

function startsLine(source: string, at: number): boolean {
  return isBlank(source.slice(source.lastIndexOf('\n', at - 1) + 1, at).replace(/^[ \t>]+/, ''))
}

function balancedEnd(source: string, at: number, open: string, close: string): number | null {
  let depth = 0
  for (let i = at; i < source.length; i += 1) {
    const char = source.charAt(i)
    if (char === '\\') i += 1
    else if (char === open) depth += 1
    else if (char === close) {
      depth -= 1
      if (depth === 0) return i + 1
    }
  }
  return null
}
