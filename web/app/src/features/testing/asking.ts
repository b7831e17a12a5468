import { ApiError, NOTHING_YET, type AnswerText, type Schemas, type StreamEvent } from '@neipix/api'
import { createStore, type StoreApi } from 'zustand/vanilla'
import { written } from './answer'

export type SimulatedTurn = Schemas['SimulatedTurn']
export type SimulationEnd = Schemas['SimulationEnd']

/** A question that this page asked and whose end it has not seen. */
export interface Asking {
  /** The same for each try: a repeat gets the same turn. */
  readonly requestId: string
  readonly question: string
  /** 0 = the draft. */
  readonly version: number
  readonly askedAt: string
  /** The turn, once the server has it. */
  readonly turn: SimulatedTurn | undefined
  readonly text: AnswerText
  readonly state: 'running' | 'stopped' | 'broken'
  readonly error: ApiError | undefined
}

/** How questions reach the server, and where what it answers goes. */
export interface AskingServer {
  open(
    assistantId: string,
    body: { text: string; version: number; requestId: string },
    signal: AbortSignal,
  ): Promise<AsyncIterable<StreamEvent>>
  /** The turn is the server's list's now; the question is shown until this is through. */
  finished(assistantId: string, end: SimulationEnd): void
  /** Reads the list anew. */
  reread(assistantId: string): Promise<void>
}

export interface Asker {
  /** At most one question for each assistant. */
  readonly store: StoreApi<Readonly<Record<string, Asking>>>
  ask(assistantId: string, question: string, version: number): void
  /** Stops reading; the server goes on, and its list gets the answer. */
  stop(assistantId: string): void
  /** Asks again what broke off. */
  retry(assistantId: string): void
  forget(assistantId: string): void
}

/** Reads answers while they are written, also while another screen is open. */
export function createAsker(server: AskingServer): Asker {
  return new Reader(server)
}

class Reader implements Asker {
  readonly store = createStore<Readonly<Record<string, Asking>>>(() => ({}))
  private readonly server: AskingServer
  private readonly stops = new Map<string, AbortController>()

  constructor(server: AskingServer) {
    this.server = server
  }

  ask(assistantId: string, question: string, version: number): void {
    if (this.stops.has(assistantId)) return
    const asking: Asking = {
      requestId: crypto.randomUUID(),
      question,
      version,
      askedAt: new Date().toISOString(),
      turn: undefined,
      text: NOTHING_YET,
      state: 'running',
      error: undefined,
    }
    this.put(assistantId, asking)
    void this.read(assistantId, asking)
  }

  stop(assistantId: string): void {
    const asking = this.store.getState()[assistantId]
    if (asking?.state !== 'running') return
    this.stops.get(assistantId)?.abort()
    this.change(assistantId, { state: 'stopped' })
    void this.settle(assistantId)
  }

  retry(assistantId: string): void {
    const asking = this.store.getState()[assistantId]
    if (asking?.state !== 'broken' || this.stops.has(assistantId)) return
    // The server may have the turn already: the same id finds it. A refused one is a new question.
    const requestId = asking.error?.passing ? asking.requestId : crypto.randomUUID()
    const again: Asking = { ...asking, requestId, text: NOTHING_YET, state: 'running', error: undefined }
    this.put(assistantId, again)
    void this.read(assistantId, again)
  }

  forget(assistantId: string): void {
    this.stops.get(assistantId)?.abort()
    const others = Object.entries(this.store.getState()).filter(([id]) => id !== assistantId)
    this.store.setState(Object.fromEntries(others), true)
  }

  private async read(assistantId: string, { question, version, requestId }: Asking): Promise<void> {
    const stop = new AbortController()
    this.stops.set(assistantId, stop)
    try {
      const body = { text: question, version, requestId }
      for await (const event of await this.server.open(assistantId, body, stop.signal)) {
        if (stop.signal.aborted) return
        if (this.take(assistantId, event)) return
      }
      if (!stop.signal.aborted) this.fail(assistantId, new ApiError(0, 'NETWORK', 'the stream ended early'))
    } catch (error) {
      if (stop.signal.aborted) return
      this.fail(assistantId, error instanceof ApiError ? error : new ApiError(0, 'INTERNAL', String(error)))
    } finally {
      if (this.stops.get(assistantId) === stop) this.stops.delete(assistantId)
    }
  }

  /** True with the last event. */
  private take(assistantId: string, { event, data }: StreamEvent): boolean {
    switch (event) {
      case 'accepted':
        this.change(assistantId, { turn: data as SimulatedTurn })
        return false
      case 'delta': {
        const { offset, text } = data as Schemas['Delta']
        const have = this.store.getState()[assistantId]?.text
        const next = have && written(have, Number(offset), text)
        if (!next) throw new ApiError(0, 'NETWORK', 'a part of the answer is missing')
        this.change(assistantId, { text: next })
        return false
      }
      case 'finished':
        this.server.finished(assistantId, data as SimulationEnd)
        this.forget(assistantId)
        return true
      default:
        // An event of a newer server.
        return false
    }
  }

  private fail(assistantId: string, error: ApiError): void {
    this.change(assistantId, { state: 'broken', error })
    void this.server.reread(assistantId)
  }

  /** What was stopped before the server had it is gone; else its turn is in the list. */
  private async settle(assistantId: string): Promise<void> {
    const asking = this.store.getState()[assistantId]
    await this.server.reread(assistantId).catch(() => undefined)
    if (asking && this.store.getState()[assistantId]?.requestId === asking.requestId) this.forget(assistantId)
  }

  private put(assistantId: string, asking: Asking): void {
    this.store.setState({ [assistantId]: asking })
  }

  private change(assistantId: string, patch: Partial<Asking>): void {
    const asking = this.store.getState()[assistantId]
    if (asking) this.put(assistantId, { ...asking, ...patch })
  }
}
