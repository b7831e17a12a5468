import { Connection, type ConnectionState, type ServerFrame, type Wire } from '@neipix/api'
import { create } from 'zustand'
import { api } from './api'

export type LiveEvent = Extract<ServerFrame, { t: 'event' }>
export type PassingFrame = Extract<ServerFrame, { t: 'partial' | 'delta' | 'typing' }>

/** Where the socket stands, for those who show it. */
export const useLiveState = create<ConnectionState>(() => ({ is: 'off' }))

/** Those who listen to one kind of news. */
class Listeners<T> {
  private readonly all = new Set<(news: T) => void>()

  add(listener: (news: T) => void): () => void {
    this.all.add(listener)
    return () => {
      this.all.delete(listener)
    }
  }

  tell(news: T): void {
    for (const listener of this.all) listener(news)
  }
}

const events = new Listeners<LiveEvent>()
const passing = new Listeners<PassingFrame>()
const resyncs = new Listeners<void>()
const watchers = new Map<string, number>()

const connection = new Connection({
  ticket: async () => {
    const { data } = await api.http.POST('/api/v1/auth/socket-tickets', { body: {} })
    return data!.ticket
  },
  open: (protocols) => {
    const { protocol, host } = window.location
    const scheme = protocol === 'https:' ? 'wss' : 'ws'
    return new WebSocket(`${scheme}://${host}/api/v1/events`, protocols) as Wire
  },
  refresh: () => api.session.refresh(),
  onEvent: (event) => events.tell(event),
  onPassing: (frame) => passing.tell(frame),
  onResync: () => resyncs.tell(),
  onState: (state) => useLiveState.setState(state, true),
})

/** The one live connection of the page. The shell holds it; features listen. */
export const live = {
  /** Connects and stays connected; the answer ends it. */
  hold(): () => void {
    const hurry = () => connection.hurry()
    const seen = () => {
      if (document.visibilityState === 'visible') connection.hurry()
    }
    window.addEventListener('online', hurry)
    document.addEventListener('visibilitychange', seen)
    connection.start()
    return () => {
      window.removeEventListener('online', hurry)
      document.removeEventListener('visibilitychange', seen)
      connection.stop()
    }
  },

  /** Each event once, in the order of its number. The answer stops listening; so below. */
  onEvent: (listener: (event: LiveEvent) => void) => events.add(listener),
  /** Texts of running answers and typing, of watched dialogues only; may be missed, may come twice. */
  onPassing: (listener: (frame: PassingFrame) => void) => passing.add(listener),
  /** Events were missed: read lists again. */
  onResync: (listener: () => void) => resyncs.add(listener),

  /** Texts and typing of this dialogue too, until the answer is called. */
  watch(conversation: string): () => void {
    watchers.set(conversation, (watchers.get(conversation) ?? 0) + 1)
    connection.watch(conversation)
    return () => {
      const left = (watchers.get(conversation) ?? 1) - 1
      if (left > 0) return void watchers.set(conversation, left)
      watchers.delete(conversation)
      connection.unwatch(conversation)
    }
  },

  /** What came makes no sense: a new socket tells running texts from their beginning. */
  restart: () => connection.restart(),

  /** Tells that the person types. */
  typing: (conversation: string) => connection.typing(conversation),
}
