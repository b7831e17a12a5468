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
}

export const NO_THREAD: Thread = {
  loaded: false,
  messages: [],
  turns: new Map(),
  olderMessages: undefined,
  olderTurns: undefined,
  gap: undefined,
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
export function hearMessage(thread: Thread, message: Message, mark: number): Thread {
  const kept = { value: message, mark }
  const seq = place(message.seq)
  if (!thread.loaded) return { ...thread, messages: put(thread.messages, kept) }
  const first = thread.messages[0]
  const last = thread.messages.at(-1)
  const next = last ? seqOf(last) + 1 : 1
  // What is older than the page comes with an older page, as it is then.
  if (first && seq < seqOf(first)) return thread
  if (seq > next) return { ...thread, gap: Math.max(thread.gap ?? 0, seq) }
  return { ...thread, messages: put(thread.messages, kept) }
}

/** Takes what an event said about a turn. */
export function hearTurn(thread: Thread, turn: Turn, mark: number): Thread {
  return { ...thread, turns: new Map(thread.turns).set(turn.id, { value: turn, mark }) }
}

/** Takes the newest page, which is as new as all that was heard up to `since`. */
export function readNewest(thread: Thread, page: ThreadPage, since: number): Thread {
  // What was neither read now nor heard since may have changed unheard.
  const heard = thread.messages.filter((kept) => kept.mark > since)
  const bySeq = new Map(page.messages.map((value) => [place(value.seq), { value, mark: since }]))
  // What was heard since is at least as new as the page, or an event with the newer comes.
  for (const kept of heard) bySeq.set(seqOf(kept), kept)
  const top = page.messages[0] ? place(page.messages[0].seq) : 0
  const run = runAround(bySeq, top)
  const last = run.at(-1)
  const newest = Math.max(thread.gap ?? 0, ...bySeq.keys())
  return {
    loaded: true,
    messages: run,
    turns: mergeTurns(afresh(thread.turns, since), page.turns, since),
    olderMessages: page.olderMessages,
    olderTurns: page.olderTurns,
    gap: newest > (last ? seqOf(last) : 0) ? newest : undefined,
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
  if (known && messages[at - 1]!.mark > kept.mark) return [...messages]
  return [...messages.slice(0, known ? at - 1 : at), kept, ...messages.slice(at)]
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
