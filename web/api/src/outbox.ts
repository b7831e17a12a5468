import { ApiError } from './problem'

/** A person's message on its way to the server. */
export interface Outgoing {
  /** Made here, once: the server knows a repeat by it. */
  readonly id: string
  readonly conversation: string
  readonly text: string
  /** When it was written, in milliseconds since 1970. */
  readonly at: number
  readonly state: 'queued' | 'sending' | 'failed'
  /** Why it failed; only with `failed`. */
  readonly reason?: string
}

/**
 * Where messages outlive the page, each by itself: pages of one browser share it and must not write over each other.
 * What it cannot keep is sent all the same.
 */
export interface Shelf {
  load(): Outgoing[]
  put(item: Outgoing): void
  remove(id: string): void
}

export interface OutboxOptions<Sent> {
  /** Sends one; a repeat with the same id is the same message. Throws `ApiError`. */
  post: (item: Outgoing) => Promise<Sent>
  /** The server has it. */
  onSent: (item: Outgoing, sent: Sent) => void
  onChange: (items: readonly Outgoing[]) => void
  shelf: Shelf
  /** Only one page of a browser sends at a time. */
  alone?: (work: () => Promise<void>) => Promise<void>
  /** From 0 up to 1. */
  random?: () => number
}

/** The server remembers a repeat for a day; an older message is sent only when the person says so again. */
export const REMEMBERED = 23 * 60 * 60 * 1000
const BACKOFF_LEAST = 500
const BACKOFF_MOST = 30_000

/**
 * Messages that wait for the network. Those of one dialogue go strictly one after another; each is sent until the
 * server has answered, so that none is lost and, by its id, none is doubled.
 */
export class Outbox<Sent> {
  private items: Outgoing[]
  private readonly options: OutboxOptions<Sent>
  private readonly running = new Set<string>()
  private readonly waiting = new Map<string, { wake: () => void; timer: ReturnType<typeof setTimeout> }>()
  private stopped = false

  constructor(options: OutboxOptions<Sent>) {
    this.options = options
    this.items = options.shelf
      .load()
      .map((item) => (item.state === 'sending' ? { ...item, state: 'queued' } : item))
  }

  /** Goes on with what an earlier page left. */
  start(): void {
    this.stopped = false
    for (const conversation of new Set(this.items.map((item) => item.conversation))) this.run(conversation)
    this.options.onChange(this.items)
  }

  stop(): void {
    this.stopped = true
    this.hurry()
  }

  list(): readonly Outgoing[] {
    return this.items
  }

  add(item: Pick<Outgoing, 'id' | 'conversation' | 'text' | 'at'>): void {
    const queued: Outgoing = { ...item, state: 'queued' }
    this.options.shelf.put(queued)
    this.set([...this.items, queued])
    this.run(item.conversation)
  }

  /** Sends a failed one again, as the same message. */
  again(id: string): void {
    const item = this.items.find((one) => one.id === id && one.state === 'failed')
    if (!item) return
    const { conversation, text, at } = item
    this.change(id, { id, conversation, text, at, state: 'queued' })
    this.run(item.conversation)
  }

  /** Gives up one that is not being sent. */
  discard(id: string): void {
    const item = this.items.find((one) => one.id === id && one.state !== 'sending')
    if (!item) return
    this.remove(id)
    this.run(item.conversation)
  }

  /** The network is back: no reason to wait longer. */
  hurry(): void {
    for (const { wake, timer } of this.waiting.values()) {
      clearTimeout(timer)
      wake()
    }
    this.waiting.clear()
  }

  private run(conversation: string): void {
    if (this.running.has(conversation) || this.stopped) return
    this.running.add(conversation)
    const alone = this.options.alone ?? ((work) => work())
    void alone(() => this.drain(conversation)).finally(() => {
      this.running.delete(conversation)
      // One that was added between the last look and here.
      if (this.next(conversation)) this.run(conversation)
    })
  }

  private next(conversation: string): Outgoing | undefined {
    const first = this.items.find((item) => item.conversation === conversation)
    // What follows a failed one waits: the customer must not read the second line without the first.
    return first?.state === 'queued' ? first : undefined
  }

  private async drain(conversation: string): Promise<void> {
    for (let attempt = 0; !this.stopped; attempt += 1) {
      const item = this.next(conversation)
      if (!item) return
      const failure = await this.send(item)
      if (!failure) {
        attempt = -1
        continue
      }
      await this.pause(conversation, attempt, failure.retryAfter)
    }
  }

  /** `undefined` where the message needs no more tries of ours. */
  private async send(item: Outgoing): Promise<ApiError | undefined> {
    if (Date.now() - item.at > REMEMBERED) {
      this.change(item.id, { ...item, state: 'failed', reason: 'TOO_OLD' })
      return undefined
    }
    this.change(item.id, { ...item, state: 'sending' })
    try {
      const sent = await this.options.post(item)
      this.remove(item.id)
      this.options.onSent(item, sent)
      return undefined
    } catch (error) {
      if (error instanceof ApiError && error.passing) {
        this.change(item.id, { ...item, state: 'queued' })
        return error
      }
      const reason = error instanceof ApiError ? error.reason : 'INTERNAL'
      this.change(item.id, { ...item, state: 'failed', reason })
      return undefined
    }
  }

  private pause(conversation: string, attempt: number, retryAfter: number | undefined): Promise<void> {
    const most = Math.min(BACKOFF_MOST, BACKOFF_LEAST * 2 ** attempt)
    const wait = Math.max((retryAfter ?? 0) * 1000, most * (this.options.random ?? Math.random)())
    return new Promise((wake) => {
      const timer = setTimeout(() => {
        this.waiting.delete(conversation)
        wake()
      }, wait)
      this.waiting.set(conversation, { wake, timer })
    })
  }

  private remove(id: string): void {
    this.options.shelf.remove(id)
    this.set(this.items.filter((one) => one.id !== id))
  }

  private change(id: string, to: Outgoing): void {
    // A page that has gone must not put back what its successor has sent.
    if (!this.stopped) this.options.shelf.put(to)
    this.set(this.items.map((one) => (one.id === id ? to : one)))
  }

  private set(items: Outgoing[]): void {
    this.items = items
    this.options.onChange(items)
  }
}
