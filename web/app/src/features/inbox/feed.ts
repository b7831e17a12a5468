import type { LiveEvent, PassingFrame } from '@app/shared/live'
import type { QueryClient } from '@tanstack/react-query'
import {
  NO_LIST,
  hearConversation,
  isOlder,
  known,
  withMessage,
  type DialogueFilter,
  type DialogueList,
} from './dialogue-list'
import { isSilence, place, type Conversation, type Message, type Turn } from './kinds'
import type { LiveAnswers } from './live-answers'
import { DIALOGUES, INBOX, LISTS, THREADS, readDialogue } from './queries'
import { NO_THREAD, hearMessage, hearTurn, type Thread } from './thread'

/** Takes what the socket says into what the inbox has read. Also of dialogues that nobody looks at just now. */
export class Feed {
  private readonly queries: QueryClient
  private readonly live: LiveAnswers
  /** Dialogues on their way because a list does not know them, with the newest message heard meanwhile. */
  private readonly asked = new Map<string, Message>()

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
    void this.queries.invalidateQueries({ queryKey: INBOX })
  }

  /** Takes a copy of a dialogue, from an event or as the answer of a call. */
  conversation(conversation: Conversation): void {
    for (const [filter, key] of this.lists())
      this.queries.setQueryData<DialogueList>(key, (list = NO_LIST) =>
        hearConversation(list, filter, conversation),
      )
    const key = [...DIALOGUES, conversation.id]
    if (!this.queries.getQueryState(key)) return
    this.queries.setQueryData<Conversation>(key, (before) =>
      before && isOlder(conversation, before) ? before : conversation,
    )
  }

  /** Takes a copy of a message, from an event or as the answer of a call. */
  message(message: Message): void {
    const { conversationId: id, turnId, author, authorMemberId } = message
    this.inThread(id, (thread) => hearMessage(thread, message))
    if (author !== 'AUTHOR_CONTACT' && turnId !== '') this.live.end(id, turnId)
    this.live.wrote(id, author, authorMemberId)
    this.inDialogues(message)
  }

  private turn(turn: Turn, kind: string): void {
    if (kind === 'turn.restarted') this.live.restart(turn.conversationId, turn.id)
    else if (isSilence(turn)) this.live.end(turn.conversationId, turn.id)
    this.inThread(turn.conversationId, (thread) => hearTurn(thread, turn))
  }

  private inThread(id: string, hear: (thread: Thread) => Thread): void {
    const queryKey = [...THREADS, id]
    const query = this.queries.getQueryState<Thread>(queryKey)
    // Nobody reads it: it will be read when somebody does.
    if (!query) return
    const before = query.data ?? NO_THREAD
    const after = hear(before)
    this.queries.setQueryData<Thread>(queryKey, after)
    const torn = after.loaded && after.gap !== undefined && before.gap === undefined
    // A page on its way looks for itself.
    if (torn && query.fetchStatus === 'idle') void this.queries.invalidateQueries({ queryKey })
  }

  private inDialogues(message: Message): void {
    const id = message.conversationId
    const lists = this.lists()
    const one = this.queries.getQueryState<Conversation>([...DIALOGUES, id])
    const row =
      one?.data ??
      lists.map(([, key]) => known(this.queries.getQueryData<DialogueList>(key) ?? NO_LIST, id)).find(Boolean)
    if (row) this.conversation(withMessage(row, message))
    else if (lists.length > 0 || one) this.ask(message)
  }

  /** Reads a dialogue that no list has seen, once at a time. */
  private ask(message: Message): void {
    const id = message.conversationId
    const heard = this.asked.get(id)
    if (heard && place(heard.seq) >= place(message.seq)) return
    this.asked.set(id, message)
    if (!heard) void this.read(id)
  }

  private async read(id: string): Promise<void> {
    const read = await readDialogue(id).catch(() => undefined)
    const newest = this.asked.get(id)
    this.asked.delete(id)
    if (read) return this.conversation(newest ? withMessage(read, newest) : read)
    // It may be gone; where it only could not be reached, the lists are read anew as soon as that is possible.
    await this.queries.invalidateQueries({ queryKey: LISTS })
  }

  private lists(): [DialogueFilter, readonly unknown[]][] {
    return this.queries
      .getQueryCache()
      .findAll({ queryKey: LISTS })
      .map(({ queryKey }) => [queryKey[LISTS.length] as DialogueFilter, queryKey])
  }
}
