import { ApiError } from '../problem'
import { afterClose } from './close-codes'
import { readFrame, type ClientFrame, type ServerFrame } from './frames'

/** The part of `WebSocket` that is used. */
export interface Wire {
  onopen: (() => void) | null
  onmessage: ((message: { data: unknown }) => void) | null
  onclose: ((close: { code: number; reason: string }) => void) | null
  send(text: string): void
  close(code: number, reason: string): void
}

/** Where the connection stands. */
export type ConnectionState =
  | { readonly is: 'off' }
  | { readonly is: 'connecting' }
  | { readonly is: 'live' }
  /** Comes back by itself. */
  | { readonly is: 'waiting' }
  | { readonly is: 'stopped'; readonly why: 'done' | 'forbidden' | 'protocol' | 'signed_out' }

export interface ConnectionOptions {
  /** A single-use ticket of half a minute. A refusal with 401 means that nobody is signed in. */
  ticket: () => Promise<string>
  /** Opens a socket with these sub-protocols. */
  open: (protocols: string[]) => Wire
  /** Makes the access token good again; false = the session is over. */
  refresh: () => Promise<boolean>
  /** Each event once, in the order of its number. */
  onEvent: (event: Extract<ServerFrame, { t: 'event' }>) => void
  /** Texts and typing: may be missed, may come twice. */
  onPassing: (frame: Extract<ServerFrame, { t: 'partial' | 'delta' | 'typing' }>) => void
  /** Events were missed for good: read the lists again. Also said when the first socket stands. */
  onResync: () => void
  onState: (state: ConnectionState) => void
  /** From 0 up to 1. */
  random?: () => number
}

/** The client shows that it lives. */
const BEAT_EVERY = 25_000
/** The server lets itself be heard at least every 25 s. */
const SILENCE = 60_000
/** A socket that does not open within this time will not. */
const OPEN_WITHIN = 15_000
/** A connection that lived so long begins its back-off anew. */
const PROVEN = 30_000
const BACKOFF_LEAST = 500
const BACKOFF_MOST = 30_000

type Timer = ReturnType<typeof setTimeout>

/**
 * A socket that comes back: it resumes from the last number it has, so that nothing is missed and nothing is told
 * twice.
 */
export class Connection {
  private state: ConnectionState = { is: 'off' }
  private wire: Wire | undefined
  /** The last number that was told; `undefined` until the first. */
  private last: number | undefined
  private attempt = 0
  private openedAt: number | undefined
  /** Whether the stream of events still has to begin. */
  private fresh = false
  private readonly watched = new Set<string>()
  private readonly options: ConnectionOptions
  private retry: Timer | undefined
  private beat: Timer | undefined
  private silence: Timer | undefined
  /** Grows when what runs must be forgotten. */
  private generation = 0

  constructor(options: ConnectionOptions) {
    this.options = options
  }

  /** Connects and stays connected until `stop`. */
  start(): void {
    if (this.state.is === 'off' || this.state.is === 'stopped') void this.connect()
  }

  /** Closes for good; `start` begins anew from the same number. */
  stop(): void {
    this.drop(1000, '')
    this.enter({ is: 'off' })
  }

  /** The network is back, or the page is seen again: no reason to wait longer. */
  hurry(): void {
    if (this.state.is === 'waiting') void this.connect()
  }

  /** Texts and typing of this dialogue too, also after a reconnect. */
  watch(conversation: string): void {
    if (this.watched.has(conversation)) return
    this.watched.add(conversation)
    if (this.state.is === 'live') this.say({ t: 'watch', conversation })
  }

  /** Forgets a dialogue; the server does with the next socket. */
  unwatch(conversation: string): void {
    this.watched.delete(conversation)
  }

  /** Tells that the person types; lost where there is no socket. */
  typing(conversation: string): void {
    if (this.state.is === 'live') this.say({ t: 'typing', conversation })
  }

  /** Something of what came makes no sense: take a new socket, which tells it from the beginning. */
  restart(): void {
    if (this.state.is !== 'live') return
    this.drop(4000, 'restart')
    this.wait(0)
  }

  private enter(state: ConnectionState): void {
    this.state = state
    this.options.onState(state)
  }

  private async connect(): Promise<void> {
    this.forget()
    const generation = this.generation
    this.enter({ is: 'connecting' })
    let ticket: string
    try {
      ticket = await this.options.ticket()
    } catch (error) {
      if (generation !== this.generation) return
      if (error instanceof ApiError && error.status === 401) this.enter({ is: 'stopped', why: 'signed_out' })
      else if (error instanceof ApiError && error.status === 403)
        this.enter({ is: 'stopped', why: 'forbidden' })
      else this.wait(error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0)
      return
    }
    if (generation !== this.generation) return
    const wire = this.options.open(['neipix.v1', `ticket.${ticket}`])
    this.wire = wire
    this.silence = setTimeout(() => this.lost(), OPEN_WITHIN)
    wire.onopen = () => this.opened()
    wire.onmessage = (message) => this.heard(message.data)
    wire.onclose = (close) => this.closed(close.code, close.reason)
  }

  private opened(): void {
    const first = this.last === undefined
    this.fresh = first
    this.openedAt = Date.now()
    this.say(first ? { t: 'resume' } : { t: 'resume', after: this.last! })
    for (const conversation of this.watched) this.say({ t: 'watch', conversation })
    this.listen()
    this.beat = setInterval(() => this.say({ t: 'hb' }), BEAT_EVERY)
    this.enter({ is: 'live' })
  }

  private heard(data: unknown): void {
    this.listen()
    const frame = typeof data === 'string' ? readFrame(data) : undefined
    if (this.fresh) {
      // From the first frame on nothing is missed; lists that were read before it may be older.
      this.fresh = false
      if (frame?.t === 'event' || frame?.t === 'reset') this.last = frame.seq
      return this.options.onResync()
    }
    switch (frame?.t) {
      case 'event':
        if (this.last !== undefined && frame.seq <= this.last) return
        if (this.last !== undefined && frame.seq > this.last + 1) return this.restart()
        this.last = frame.seq
        return this.options.onEvent(frame)
      case 'reset':
        this.last = frame.seq
        return this.options.onResync()
      case 'partial':
      case 'delta':
      case 'typing':
        return this.options.onPassing(frame)
      default:
        return
    }
  }

  private closed(code: number, reason: string): void {
    this.forget()
    const next = afterClose(code, reason)
    if (next.then === 'stop') return this.enter({ is: 'stopped', why: next.why })
    if (next.then === 'reconnect') return this.wait(next.least + next.spread * this.random())
    void this.renew()
  }

  private async renew(): Promise<void> {
    const generation = this.generation
    this.enter({ is: 'waiting' })
    const good = await this.options.refresh().catch(() => undefined)
    if (generation !== this.generation) return
    if (good === false) return this.enter({ is: 'stopped', why: 'signed_out' })
    this.wait(0)
  }

  private lost(): void {
    this.drop(4000, 'nothing heard')
    this.wait(0)
  }

  /** Waits by the back-off, but at least so long. */
  private wait(least: number): void {
    if (this.openedAt !== undefined && Date.now() - this.openedAt >= PROVEN) this.attempt = 0
    this.openedAt = undefined
    const most = Math.min(BACKOFF_MOST, BACKOFF_LEAST * 2 ** this.attempt)
    this.attempt += 1
    this.enter({ is: 'waiting' })
    this.retry = setTimeout(() => void this.connect(), Math.max(least, most * this.random()))
  }

  private random(): number {
    return (this.options.random ?? Math.random)()
  }

  private listen(): void {
    clearTimeout(this.silence)
    this.silence = setTimeout(() => this.lost(), SILENCE)
  }

  private say(frame: ClientFrame): void {
    this.wire?.send(JSON.stringify(frame))
  }

  /** Lets go of socket and timers: nothing of them is heard any more. */
  private forget(): void {
    this.generation += 1
    clearTimeout(this.retry)
    clearInterval(this.beat)
    clearTimeout(this.silence)
    if (this.wire) this.wire.onopen = this.wire.onmessage = this.wire.onclose = null
    this.wire = undefined
  }

  private drop(code: number, reason: string): void {
    const wire = this.wire
    this.forget()
    wire?.close(code, reason)
  }
}
