/** Who sent a message and when, as far as grouping needs it. */
export interface Groupable {
  readonly author: string
  readonly authorId: string
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Where a message stands among consecutive messages of one author. */
export type GroupPosition = 'single' | 'first' | 'middle' | 'last'

const GAP_MS = 5 * 60_000

/** The place of a message in its group; pass nothing for a neighbour that is a day line or a hand-over. */
export function groupPosition(
  previous: Groupable | undefined,
  message: Groupable,
  next: Groupable | undefined,
): GroupPosition {
  const joined = together(previous, message)
  const goesOn = together(message, next)
  if (joined) return goesOn ? 'middle' : 'last'
  return goesOn ? 'first' : 'single'
}

function together(a: Groupable | undefined, b: Groupable | undefined): boolean {
  if (!a || !b) return false
  return a.author === b.author && a.authorId === b.authorId && Math.abs(b.at - a.at) <= GAP_MS
}
