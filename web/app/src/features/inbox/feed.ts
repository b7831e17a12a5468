import type { LiveEvent, PassingFrame } from '@app/shared/live'
import { ApiError } from '@neipix/api'
import type { QueryClient } from '@tanstack/react-query'
import { NOTHING, withFull, withMessage, type Known } from './dialogue'
import {
  NO_LIST,
  hearConversation,
  hearMessageOf,
  knows,
  type DialogueFilter,
  type DialogueList,
} from './dialogue-list'
import { isSilence, type Conversation, type Message, type Turn } from './kinds'
import type { LiveAnswers } from './live-answers'
import { markMissed, markNow, missedSince, nextMark } from './marks'
import { DIALOGUES, INBOX, LISTS, THREADS, readDialogue } from './queries'
import { NO_THREAD, hearMessage, hearTurn, type Thread } from './thread'

const ASK_AGAIN_LEAST = 1_000
const ASK_AGAIN_MOST = 30_000

/** Takes what the socket says into what the inbox has read. Also of dialogues that nobody looks at just now. */
export class Feed {
  private readonly queries: QueryClient
  private readonly live: LiveAnswers
  /** Dialogues on their way because a list does not know them. */
  private readonly asked = new Set<string>()

  constructor(queries: QueryClient, live: LiveAnswers) {
    this.queries = queries
    this.live = live
  }

  /** Takes an event; empty data is of something that this person may not see, or that is gone. */
  event({ kind, data }: LiveEvent): void {
    if (data?.conversation) this.conversation(data.conversation)
    if (data?.message) this.message(data.message)
    if (data?.turn) this.turn(data.turn, kind)
  }

  /** Takes a text or a sign of typing. `false` where a new socket must tell it from the beginning. */
  passing(frame: PassingFrame): boolean {
    return this.live.hear(frame)
  }

  /** Events were missed for good, or nothing was heard yet. */
  resync(): void {
    markMissed()
    void this.queries.invalidateQueries({ queryKey: INBOX })
  }

  /** Takes a copy of a dialogue that is as new as `mark`: an event's own, or what was heard before a call was made. */
  conversation(conversation: Conversation, mark = nextMark()): void {
    for (const [filter, key] of this.lists())
      this.queries.setQueryData<DialogueList>(key, (list = NO_LIST) =>
        hearConversation(list, filter, conversation, mark),
      )
    this.inDialogue(conversation.id, (known) => withFull(known, { value: conversation, mark }))
  }

  /** Takes a copy of a message in the same way. */
  message(message: Message, mark = nextMark()): void {
    const { conversationId: id, turnId, author, authorMemberId } = message
    this.inThread(id, (thread) => hearMessage(thread, message, mark))
    if (author !== 'AUTHOR_CONTACT' && turnId !== '') this.live.end(id, turnId)
    this.live.wrote(id, author, authorMemberId)
    this.inDialogue(id, (known) => withMessage(known, { value: message, mark }))
    this.inLists(message, mark)
  }

  private turn(turn: Turn, kind: string): void {
    if (kind === 'turn.restarted') this.live.restart(turn.conversationId, turn.id)
    else if (isSilence(turn)) this.live.end(turn.conversationId, turn.id)
    const mark = nextMark()
    this.inThread(turn.conversationId, (thread) => hearTurn(thread, turn, mark))
  }

  private inDialogue(id: string, hear: (known: Known) => Known): void {
    const key = [...DIALOGUES, id]
    const query = this.queries.getQueryState<Known>(key)
    if (isRead(query, query?.data?.full !== undefined))
      this.queries.setQueryData<Known>(key, (known = NOTHING) => hear(known))
  }

  private inThread(id: string, hear: (thread: Thread) => Thread): void {
    const queryKey = [...THREADS, id]
    const query = this.queries.getQueryState<Thread>(queryKey)
    if (!query || !isRead(query, query.data?.loaded)) return
    const before = query.data ?? NO_THREAD
    const after = hear(before)
    this.queries.setQueryData<Thread>(queryKey, after)
    const torn = after.loaded && after.gap !== undefined && before.gap === undefined
    // A page on its way looks for itself.
    if (torn && query.fetchStatus === 'idle') void this.queries.invalidateQueries({ queryKey })
  }

  private inLists(message: Message, mark: number): void {
    let missing = false
    for (const [filter, key] of this.lists()) {
      const query = this.queries.getQueryState<DialogueList>(key)
      const list = query?.data ?? NO_LIST
      // While a list is read anew, its copies may be from before what was missed.
      if (!knows(list, message.conversationId) || query?.isInvalidated || query?.fetchStatus !== 'idle')
        missing = true
      this.queries.setQueryData<DialogueList>(key, hearMessageOf(list, filter, message, mark))
    }
    if (missing) void this.ask(message.conversationId)
  }

  /** Reads a dialogue that a list has never seen, once at a time, until it is there or surely cannot be read. */
  private async ask(id: string): Promise<void> {
    if (this.asked.has(id)) return
    this.asked.add(id)
    const outdated = missedSince()
    for (let wait = ASK_AGAIN_LEAST; ; wait = Math.min(wait * 2, ASK_AGAIN_MOST)) {
      const since = markNow()
      const copy = await readDialogue(id).catch((error: unknown) => error)
      // All lists are read anew: they will have it.
      if (outdated()) break
      if (!(copy instanceof Error)) {
        this.conversation(copy as Conversation, since)
        break
      }
      if (!(copy instanceof ApiError && copy.passing)) break
      await new Promise((done) => setTimeout(done, wait))
    }
    this.asked.delete(id)
  }

  private lists(): [DialogueFilter, readonly unknown[]][] {
    return this.queries
      .getQueryCache()
      .findAll({
        queryKey: LISTS,
        predicate: ({ state }) => isRead(state, (state.data as DialogueList)?.loaded),
      })
      .map(({ queryKey }) => [queryKey[LISTS.length] as DialogueFilter, queryKey])
  }
}

/** Whether it was read or is on its way. What is neither is read when somebody looks at it: then nothing is missing. */
function isRead(query: { readonly fetchStatus: string } | undefined, loaded: boolean | undefined): boolean {
  return query !== undefined && (loaded === true || query.fetchStatus !== 'idle')
}
