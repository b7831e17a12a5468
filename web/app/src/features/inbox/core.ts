import { Outbox, browserShelf, type Outgoing } from '@neipix/api'
import { notifyManager, type QueryClient } from '@tanstack/react-query'
import { createContext, useContext, useSyncExternalStore } from 'react'
import { useStore } from 'zustand'
import { api } from '@app/shared/api'
import { live } from '@app/shared/live'
import { Feed } from './feed'
import { createInboxStore, type InboxState, type InboxStore } from './inbox-store'
import type { Message } from './kinds'
import { LiveAnswers, type Passed } from './live-answers'
import { markNow } from './marks'

/** What works for one person's inbox as long as the page lives: also while another screen is open. */
export class InboxCore {
  readonly me: string
  readonly answers = new LiveAnswers()
  readonly feed: Feed
  readonly store: InboxStore
  readonly outbox: Outbox<Message>
  private readonly ends: (() => void)[]

  constructor(queries: QueryClient, me: string) {
    this.me = me
    this.feed = new Feed(queries, this.answers)
    this.store = createInboxStore(me)
    this.outbox = new Outbox({
      post: (item) => this.post(item),
      onSent: () => undefined,
      // In one line with what the queries tell: the bubble on its way and the message never stand side by side.
      onChange: (outgoing) => notifyManager.schedule(() => this.store.setState({ outgoing })),
      shelf: browserShelf(me, window.localStorage),
      ...('locks' in navigator && {
        alone: async (work: () => Promise<void>) => navigator.locks.request(`npx:outbox:${me}`, work),
      }),
    })
    const hurry = () => this.outbox.hurry()
    window.addEventListener('online', hurry)
    this.ends = [
      live.onEvent((event) => this.feed.event(event)),
      live.onPassing((frame) => {
        if (!this.feed.passing(frame)) live.restart()
      }),
      live.onResync(() => this.feed.resync()),
      () => window.removeEventListener('online', hurry),
    ]
    this.outbox.start()
  }

  /** Sends words to a customer, once, as soon as the network lets it. */
  send(conversation: string, text: string): void {
    this.outbox.add({ id: crypto.randomUUID(), conversation, text, at: Date.now() })
  }

  /** Tries a refused one again. After a day the server would not know a repeat: then it goes as a new message. */
  again(item: Outgoing): void {
    if (item.reason !== 'TOO_OLD') return this.outbox.again(item.id)
    this.outbox.discard(item.id)
    this.send(item.conversation, item.text)
  }

  end(): void {
    this.outbox.stop()
    for (const end of this.ends) end()
  }

  private async post(item: Outgoing): Promise<Message> {
    const since = markNow()
    const { data } = await api.http.POST('/api/v1/chats/{conversationId}/messages', {
      params: { path: { conversationId: item.conversation }, header: { 'Idempotency-Key': item.id } },
      body: { text: item.text },
    })
    const message = data!
    const arrived = new Map(this.store.getState().arrived).set(message.id, item.id)
    this.store.setState({ arrived })
    this.feed.message(message, since)
    return message
  }
}

let current: { core: InboxCore; queries: QueryClient } | undefined

/** The inbox of this person; that of another one ends. */
export function inboxOf(queries: QueryClient, me: string): InboxCore {
  if (current && current.queries === queries && current.core.me === me) return current.core
  current?.core.end()
  current = { core: new InboxCore(queries, me), queries }
  return current.core
}

export const CoreContext = createContext<InboxCore | undefined>(undefined)

/** The inbox around this component. */
export function useCore(): InboxCore {
  const core = useContext(CoreContext)
  if (!core) throw new Error('a part of the inbox stands outside of it')
  return core
}

export function useInboxState<T>(select: (state: InboxState) => T): T {
  return useStore(useCore().store, select)
}

/** Running texts and who types in a dialogue. */
export function usePassed(id: string): Passed {
  const { answers } = useCore()
  return useSyncExternalStore(answers.subscribe, () => answers.read(id))
}
