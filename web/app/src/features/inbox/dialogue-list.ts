import { NOTHING, fullOf, newestMark, valueOf, withFull, withMessage, type Known } from './dialogue'
import { instant, type Conversation, type Message } from './kinds'

/*
 * The list of dialogues as this page knows it: pages of the server by the latest activity, and what the socket tells
 * since. A row moves, comes and goes by events; pages that were asked for earlier do not put it back.
 */

/** Which dialogues a list has; as the server takes them. */
export interface DialogueFilter {
  readonly status?: Conversation['status'] | undefined
  readonly handler?: Conversation['handler'] | undefined
  readonly assistantId?: string | undefined
  readonly q?: string | undefined
}

/** The known part of a list. */
export interface DialogueList {
  readonly loaded: boolean
  /** The latest activity first. */
  readonly rows: readonly Conversation[]
  /** Where the next page begins; `undefined` = there is none. */
  readonly next: string | undefined
  /** The last row of the last page as it was: what is behind it comes with the next one. */
  readonly bound: Conversation | undefined
  /** All that is known, also of dialogues that are not in the list. */
  readonly known: ReadonlyMap<string, Known>
}

export const NO_LIST: DialogueList = {
  loaded: false,
  rows: [],
  next: undefined,
  bound: undefined,
  known: new Map(),
}

/** A page of the server. */
export interface DialoguePage {
  readonly rows: readonly Conversation[]
  readonly next: string | undefined
}

/** Whether a dialogue is in a list with that filter, by the server's rule. */
export function fits(filter: DialogueFilter, conversation: Conversation): boolean {
  if (filter.status && conversation.status !== filter.status) return false
  if (filter.handler && conversation.handler !== filter.handler) return false
  if (filter.assistantId && conversation.assistantId !== filter.assistantId) return false
  const name = conversation.contact?.displayName ?? ''
  return !filter.q || name.toLowerCase().includes(filter.q.toLowerCase())
}

/** Takes a copy of a dialogue, which is as new as all that was heard up to `mark`. */
export function hearConversation(
  list: DialogueList,
  filter: DialogueFilter,
  conversation: Conversation,
  mark: number,
): DialogueList {
  const { id } = conversation
  return replaced(list, filter, id, withFull(list.known.get(id) ?? NOTHING, { value: conversation, mark }))
}

/** Takes a copy of a message. */
export function hearMessageOf(
  list: DialogueList,
  filter: DialogueFilter,
  message: Message,
  mark: number,
): DialogueList {
  const id = message.conversationId
  return replaced(list, filter, id, withMessage(list.known.get(id) ?? NOTHING, { value: message, mark }))
}

/** Whether a copy of that dialogue was ever read or heard. */
export function knows(list: DialogueList, id: string): boolean {
  return fullOf(list.known.get(id)) !== undefined
}

/** Takes the first pages, which were asked for when `since` was heard. */
export function readFirst(
  list: DialogueList,
  filter: DialogueFilter,
  page: DialoguePage,
  since: number,
): DialogueList {
  // What was neither read now nor heard since may have changed unheard.
  const fresh = new Map([...list.known].filter(([, one]) => newestMark(one) > since))
  for (const [id, one] of fresh) {
    const full = one.full && one.full.mark > since ? one.full : undefined
    fresh.set(id, { full, message: one.message })
  }
  return merged(fresh, filter, page, since, [])
}

/** Takes the page behind the last row. */
export function readMore(
  list: DialogueList,
  filter: DialogueFilter,
  page: DialoguePage,
  since: number,
): DialogueList {
  return merged(new Map(list.known), filter, page, since, list.rows)
}

function merged(
  known: Map<string, Known>,
  filter: DialogueFilter,
  page: DialoguePage,
  since: number,
  before: readonly Conversation[],
): DialogueList {
  for (const value of page.rows)
    known.set(value.id, withFull(known.get(value.id) ?? NOTHING, { value, mark: since }))
  const bound = page.next === undefined ? undefined : page.rows.at(-1)
  const shown = new Set([...before, ...page.rows].map((row) => row.id))
  const rows: Conversation[] = []
  for (const [id, one] of known) {
    const value = valueOf(one)
    // Known from an event only: in the list where its place is among what was read.
    const inside = value && (shown.has(id) || !bound || latestFirst(value, bound) <= 0)
    if (inside && fits(filter, value)) rows.push(value)
  }
  return { loaded: true, rows: rows.sort(latestFirst), next: page.next, bound, known }
}

function replaced(list: DialogueList, filter: DialogueFilter, id: string, to: Known): DialogueList {
  const before = list.known.get(id)
  if (before === to) return list
  const known = new Map(list.known).set(id, to)
  const value = valueOf(to)
  if (!value) return { ...list, known }
  const others = list.rows.filter((row) => row.id !== id)
  const belongs = fits(filter, value) && (!list.bound || latestFirst(value, list.bound) <= 0)
  if (!belongs) return { ...list, known, rows: others }
  const found = others.findIndex((row) => latestFirst(value, row) < 0)
  const at = found < 0 ? others.length : found
  return { ...list, known, rows: [...others.slice(0, at), value, ...others.slice(at)] }
}

/** The server's order: by activity, then by id, both downwards. */
function latestFirst(a: Conversation, b: Conversation): number {
  const [x, y] = [instant(a.updateTime), instant(b.updateTime)]
  if (x !== y) return x < y ? 1 : -1
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0
}
