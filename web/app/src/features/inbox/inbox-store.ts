import type { Outgoing } from '@neipix/api'
import { createStore, type StoreApi } from 'zustand/vanilla'
import { persist } from 'zustand/middleware'

/** What this browser knows of a person's inbox and the server does not. */
export interface InboxState {
  /** Words that were not sent yet, by dialogue. */
  readonly drafts: Readonly<Record<string, string>>
  /** The last place that was seen, by dialogue; the latest at the end. */
  readonly seen: Readonly<Record<string, number>>
  /** Since when this browser counts what is unread. */
  readonly since: string
  /** Messages on their way. They are kept by the outbox. */
  readonly outgoing: readonly Outgoing[]
  /** Which message an outgoing one became, by the message's id. */
  readonly arrived: ReadonlyMap<string, string>
}

export type InboxStore = StoreApi<InboxState>

/** More dialogues are not remembered. */
const SEEN_MOST = 1_000

/** The store of this person in this browser. */
export function createInboxStore(me: string): InboxStore {
  return createStore<InboxState>()(
    persist(
      (): InboxState => ({
        drafts: {},
        seen: {},
        since: new Date().toISOString(),
        outgoing: [],
        arrived: new Map(),
      }),
      {
        name: `npx:inbox:${me}`,
        version: 1,
        partialize: ({ drafts, seen, since }) => ({ drafts, seen, since }),
      },
    ),
  )
}

export function setDraft(store: InboxStore, id: string, text: string): void {
  store.setState(({ drafts }) => {
    const others = without(drafts, id)
    return { drafts: text === '' ? others : { ...others, [id]: text } }
  })
}

/** Remembers that all up to this place was seen. */
export function markSeen(store: InboxStore, id: string, seq: number): void {
  const { seen } = store.getState()
  if ((seen[id] ?? 0) >= seq) return
  const kept = Object.entries(without(seen, id)).slice(-SEEN_MOST + 1)
  store.setState({ seen: Object.fromEntries([...kept, [id, seq]]) })
}

function without<T>(all: Readonly<Record<string, T>>, id: string): Record<string, T> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => key !== id))
}
