import { instant, place, type Conversation, type Kept, type Message } from './kinds'

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
  /** What was heard, also of dialogues that are not in the list. */
  readonly heard: ReadonlyMap<string, Kept<Conversation>>
  readonly mark: number
}

export const NO_LIST: DialogueList = { loaded: false, rows: [], next: undefined, heard: new Map(), mark: 0 }

/** A page of the server. */
export interface DialoguePage {
  readonly rows: readonly Conversation[]
  readonly next: string | undefined
}

/** More are forgotten, the longest unheard first. */
const HEARD_MOST = 2_000

/** Whether a dialogue is in a list with that filter, by the server's rule. */
export function fits(filter: DialogueFilter, conversation: Conversation): boolean {
  if (filter.status && conversation.status !== filter.status) return false
  if (filter.handler && conversation.handler !== filter.handler) return false
  if (filter.assistantId && conversation.assistantId !== filter.assistantId) return false
  const name = conversation.contact?.displayName ?? ''
  return !filter.q || name.toLowerCase().includes(filter.q.toLowerCase())
}

/** Whether the first copy is older: the numbers only grow, and each change has its time. */
export function isOlder(a: Conversation, b: Conversation): boolean {
  if (a.handlerEpoch !== b.handlerEpoch) return place(a.handlerEpoch) < place(b.handlerEpoch)
  if (a.lastSeq !== b.lastSeq) return place(a.lastSeq) < place(b.lastSeq)
  return instant(a.updateTime) < instant(b.updateTime)
}

/** A dialogue with its newest message. */
export function withMessage(conversation: Conversation, message: Message): Conversation {
  const known = place(conversation.lastSeq)
  const seq = place(message.seq)
  if (seq < known) return conversation
  if (seq === known) return { ...conversation, lastMessage: message }
  return {
    ...conversation,
    lastMessage: message,
    lastSeq: message.seq,
    ...(message.createTime !== undefined && { updateTime: message.createTime }),
  }
}

/** The newest copy of a dialogue that the list knows, in it or not. */
export function known(list: DialogueList, id: string): Conversation | undefined {
  const heard = list.heard.get(id)?.value
  const row = list.rows.find((one) => one.id === id)
  return heard && row && isOlder(heard, row) ? row : (heard ?? row)
}

/** Takes what an event, or the answer of a call, said about a dialogue. */
export function hearConversation(
  list: DialogueList,
  filter: DialogueFilter,
  conversation: Conversation,
): DialogueList {
  const before = known(list, conversation.id)
  if (before && isOlder(conversation, before)) return list
  const mark = list.mark + 1
  const heard = new Map(list.heard)
  // Anew at the end: the map's order is the order of hearing.
  heard.delete(conversation.id)
  heard.set(conversation.id, { value: conversation, mark })
  const oldest = heard.keys().next().value
  if (heard.size > HEARD_MOST && oldest !== undefined) heard.delete(oldest)
  const rows = placed(list.rows, conversation, fits(filter, conversation), list.next !== undefined)
  return { ...list, rows, heard, mark }
}

/** Takes the first pages, which were asked for when `since` events had been heard. */
export function readFirst(
  list: DialogueList,
  filter: DialogueFilter,
  page: DialoguePage,
  since: number,
): DialogueList {
  return { ...list, loaded: true, rows: merged([], list, filter, page, since), next: page.next }
}

/** Takes the page behind the last row. */
export function readMore(
  list: DialogueList,
  filter: DialogueFilter,
  page: DialoguePage,
  since: number,
): DialogueList {
  return { ...list, rows: merged(list.rows, list, filter, page, since), next: page.next }
}

function merged(
  before: readonly Conversation[],
  list: DialogueList,
  filter: DialogueFilter,
  page: DialoguePage,
  since: number,
): readonly Conversation[] {
  const rows = new Map(before.map((row) => [row.id, row]))
  for (const row of page.rows) {
    const newer = list.heard.get(row.id)
    if (newer && newer.mark > since) continue
    if (!rows.has(row.id)) rows.set(row.id, row)
  }
  let all = [...rows.values()].sort(latestFirst)
  const more = page.next !== undefined
  for (const { value, mark } of list.heard.values()) {
    if (mark > since) all = placed(all, value, fits(filter, value), more)
  }
  return all
}

/** Puts a row where it belongs, or takes it away. Behind the last row of an unfinished list it comes with its page. */
function placed(
  rows: readonly Conversation[],
  row: Conversation,
  belongs: boolean,
  more: boolean,
): Conversation[] {
  const others = rows.filter((one) => one.id !== row.id)
  if (!belongs) return others
  const at = others.findIndex((one) => latestFirst(row, one) < 0)
  if (at >= 0) return [...others.slice(0, at), row, ...others.slice(at)]
  return more && others.length > 0 ? others : [...others, row]
}

/** The server's order: by activity, then by id, both downwards. */
function latestFirst(a: Conversation, b: Conversation): number {
  const [x, y] = [instant(a.updateTime), instant(b.updateTime)]
  if (x !== y) return x < y ? 1 : -1
  return a.id < b.id ? 1 : a.id > b.id ? -1 : 0
}
