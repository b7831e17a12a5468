interface Fence {
  readonly marker: string
  readonly length: number
  readonly quoted: boolean
  /** Whether the fence stands in a list item, so that a line without indent ends it. */
  readonly nested: boolean
}

const PREFIX = /^[ \t]*(?:(?:>|[-+*][ \t]|\d{1,9}[.)][ \t])[ \t]*)*/
const RUN = /^(`{3,}|~{3,})(.*)$/s
const LIST_ITEM = /^ {0,3}(?:[-+*]|\d{1,9}[.)])(?:[ \t]+|$)/

/** Whether a line opens a list item at the top level. */
export function startsListItem(line: string): boolean {
  return LIST_ITEM.test(line)
}

/** Whether a line holds nothing but white space. */
export function isBlank(line: string): boolean {
  return line.trim() === ''
}

/** Follows code fences line by line, near enough to CommonMark to cut a text where the parser would. */
export class FenceTracker {
  private fence: Fence | null = null
  private listOffset = 0

  /** Whether a list has been seen since the last reset. */
  get inList(): boolean {
    return this.listOffset > 0
  }

  /** Forgets everything: a new block begins. */
  reset(): void {
    this.fence = null
    this.listOffset = 0
  }

  /** Whether the line belongs to the open fence. */
  holds(line: string): boolean {
    return this.fence !== null && !leaves(line, this.fence)
  }

  /** Takes the next line; true while a fence is open after it. */
  feed(line: string): boolean {
    if (this.fence && !leaves(line, this.fence)) {
      if (closes(line, this.fence)) this.fence = null
      return this.fence !== null
    }
    const item = LIST_ITEM.exec(line)
    if (item) this.listOffset = item[0].length
    this.fence = openedBy(line, this.listOffset)
    return this.fence !== null
  }
}

function openedBy(line: string, listOffset: number): Fence | null {
  const prefix = PREFIX.exec(line)?.[0] ?? ''
  const run = RUN.exec(line.slice(prefix.length))
  if (!run) return null
  const [, marks = '', info = ''] = run
  const marker = marks.charAt(0)
  if (marker === '`' && info.includes('`')) return null
  const bare = isBlank(prefix)
  if (bare && listOffset === 0 && (prefix.length > 3 || prefix.includes('\t'))) return null
  const nested = bare ? listOffset > 0 && prefix.length >= listOffset : true
  return { marker, length: marks.length, quoted: prefix.includes('>'), nested }
}

function leaves(line: string, fence: Fence): boolean {
  if (fence.quoted) return !/^[ \t]*>/.test(line)
  return fence.nested && !isBlank(line) && !/^[ \t]/.test(line)
}

function closes(line: string, fence: Fence): boolean {
  if (!fence.quoted && !fence.nested && /^(?: {4}| {0,3}\t)/.test(line)) return false
  const body = line.replace(fence.quoted ? /^[ \t>]+/ : /^[ \t]+/, '').trimEnd()
  return body.length >= fence.length && body === fence.marker.repeat(body.length)
}
