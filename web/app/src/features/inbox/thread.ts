import { place, type Kept, type Message, type Turn } from './kinds'

/*
 * A dialogue as this page knows it: pages of the server and events of the socket in one list. Places are dense, so
 * that a missing message is seen at once; whatever the network does, the list ends as the server's.
 */

/** The known part of a dialogue. */
export interface Thread {
  /** Whether a page has been read; before, there is only what was heard meanwhile. */
  readonly loaded: boolean
  /** Oldest first, no place missing once loaded. */
  readonly messages: readonly Kept<Message>[]
  readonly turns: ReadonlyMap<string, Kept<Turn>>
  /** Where the page before the oldest message begins; `undefined` = there is none. */
  readonly olderMessages: string | undefined
  readonly olderTurns: string | undefined
  /** The newest place that was heard of, where messages before it are missing: a page must be read. */
  readonly gap: number | undefined
  /** How many events were heard. */
  readonly mark: number
}

export const NO_THREAD: Thread = {
  loaded: false,
  messages: [],
  turns: new Map(),
  olderMessages: undefined,
  olderTurns: undefined,
  gap: undefined,
  mark: 0,
}

/** A page of messages and one of turns, as the server lists them: newest first. */
export interface ThreadPage {
  readonly messages: readonly Message[]
  readonly turns: readonly Turn[]
  readonly olderMessages: string | undefined
  readonly olderTurns: string | undefined
}

const seqOf = ({ value }: Kept<Message>) => place(value.seq)

/** Takes what an event said about a message. */
export function hearMessage(thread: Thread, message: Message): Thread {
  const mark = thread.mark + 1
  const kept = { value: message, mark }
  const seq = place(message.seq)
  if (!thread.loaded) return { ...thread, mark, messages: put(thread.messages, kept) }
  const first = thread.messages[0]
  const last = thread.messages.at(-1)
  const next = last ? seqOf(last) + 1 : 1
  // What is older than the page comes with an older page, as it is then.
  if (first && seq < seqOf(first)) return { ...thread, mark }
  if (seq > next) return { ...thread, mark, gap: Math.max(thread.gap ?? 0, seq) }
  return { ...thread, mark, messages: put(thread.messages, kept) }
}

/** Takes what an event said about a turn. */
export function hearTurn(thread: Thread, turn: Turn): Thread {
  const mark = thread.mark + 1
  return { ...thread, mark, turns: new Map(thread.turns).set(turn.id, { value: turn, mark }) }
}

/** Takes the newest page, which was asked for when `since` events had been heard. */
export function readNewest(thread: Thread, page: ThreadPage, since: number): Thread {
  const merged = new Map(thread.messages.map((kept) => [seqOf(kept), kept]))
  for (const message of page.messages) mergeInto(merged, place(message.seq), message, since)
  const seqs = page.messages.map((message) => place(message.seq))
  const top = seqs.length > 0 ? Math.max(...seqs) : 0
  const run = runAround(merged, top)
  const oldest = seqs.length > 0 ? Math.min(...seqs) : undefined
  const reachesBack = thread.loaded && oldest !== undefined && run.some((kept) => seqOf(kept) < oldest)
  const last = run.at(-1)
  const newest = Math.max(thread.gap ?? 0, ...[...merged.keys()])
  const missing = newest > (last ? seqOf(last) : 0)
  return {
    loaded: true,
    messages: run,
    turns: mergeTurns(reachesBack ? thread.turns : afresh(thread.turns, since), page.turns, since),
    olderMessages: reachesBack ? thread.olderMessages : page.olderMessages,
    olderTurns: reachesBack ? thread.olderTurns : page.olderTurns,
    gap: missing ? newest : undefined,
    mark: thread.mark,
  }
}

/** Takes the page before the oldest message; one that no longer fits in front is left out. */
export function readOlder(thread: Thread, page: ThreadPage, since: number): Thread {
  const first = thread.messages[0]
  const newest = page.messages[0]
  if (!first || (newest && place(newest.seq) + 1 !== seqOf(first))) return thread
  const older = page.messages.map((value) => ({ value, mark: since })).reverse()
  return {
    ...thread,
    messages: [...older, ...thread.messages],
    turns: mergeTurns(thread.turns, page.turns, since),
    olderMessages: page.olderMessages,
    olderTurns: page.olderTurns,
  }
}

function put(messages: readonly Kept<Message>[], kept: Kept<Message>): Kept<Message>[] {
  const seq = seqOf(kept)
  // Nearly always the end: look from there.
  let at = messages.length
  while (at > 0 && seqOf(messages[at - 1]!) > seq) at -= 1
  const known = at > 0 && seqOf(messages[at - 1]!) === seq
  return [...messages.slice(0, known ? at - 1 : at), kept, ...messages.slice(at)]
}

function mergeInto(into: Map<number, Kept<Message>>, seq: number, message: Message, since: number) {
  const known = into.get(seq)
  // What was heard since the page was asked for is at least as new, or an event with the newer comes.
  if (known && known.mark > since) return
  into.set(seq, { value: message, mark: since })
}

/** The messages around a place without a hole. */
function runAround(bySeq: ReadonlyMap<number, Kept<Message>>, top: number): Kept<Message>[] {
  const run: Kept<Message>[] = []
  for (let seq = top; ; seq -= 1) {
    const kept = bySeq.get(seq)
    if (!kept) break
    run.push(kept)
  }
  run.reverse()
  for (let seq = top + 1; ; seq += 1) {
    const kept = bySeq.get(seq)
    if (!kept) break
    run.push(kept)
  }
  return run
}

function afresh(turns: ReadonlyMap<string, Kept<Turn>>, since: number): ReadonlyMap<string, Kept<Turn>> {
  return new Map([...turns].filter(([, kept]) => kept.mark > since))
}

function mergeTurns(
  turns: ReadonlyMap<string, Kept<Turn>>,
  page: readonly Turn[],
  since: number,
): ReadonlyMap<string, Kept<Turn>> {
  const merged = new Map(turns)
  for (const turn of page) {
    const known = merged.get(turn.id)
    if (!known || known.mark <= since) merged.set(turn.id, { value: turn, mark: since })
  }
  return merged
}
