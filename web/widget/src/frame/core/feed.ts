import { ApiError } from '@neipix/api/sending'
import { StreamReader } from './sse'

/** How the stream stands. */
export type Link = 'idle' | 'connecting' | 'live' | 'waiting' | 'stopped'

/** What a {@link Feed} needs. */
export interface FeedOptions {
  /** Opens the stream where it broke off. Throws `ApiError`. */
  readonly open: (signal: AbortSignal) => Promise<Response>
  /** Takes an event; false = something before it is missing, so the stream is to be opened again. */
  readonly onEvent: (event: string, data: string) => boolean
  readonly onLink: (link: Link, why?: ApiError) => void
  /** From 0 up to 1. */
  readonly random?: () => number
}

const BACKOFF_LEAST = 500
const BACKOFF_MOST = 30_000
const GOOD_LIFE = 30_000
/** The server says something each 15 s; a stream that is silent for four times that is dead, whatever the system thinks. */
const SILENCE = 60_000

/** A stream that is opened again, by back-off with full jitter, until it is stopped. */
export class Feed {
  private readonly options: FeedOptions
  private running = false
  private round = 0
  private abort: AbortController | undefined
  private wake: (() => void) | undefined
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: FeedOptions) {
    this.options = options
  }

  start(): void {
    if (this.running) return
    this.running = true
    void this.run((this.round += 1))
  }

  /** Opens the stream anew, from where it is now. */
  restart(): void {
    this.stop()
    this.start()
  }

  stop(): void {
    this.running = false
    this.round += 1
    this.abort?.abort()
    this.hurry()
    this.options.onLink('idle')
  }

  /** No reason to wait longer: the network is back, or somebody looks again. */
  hurry(): void {
    clearTimeout(this.timer)
    this.wake?.()
    this.wake = undefined
  }

  private async run(round: number): Promise<void> {
    for (let attempt = 0; round === this.round; attempt += 1) {
      this.options.onLink('connecting')
      const opened = Date.now()
      const failure = await this.once(round)
      if (round !== this.round) return
      if (failure && !mayPass(failure)) {
        this.running = false
        this.options.onLink('stopped', failure)
        return
      }
      if (Date.now() - opened >= GOOD_LIFE) attempt = 0
      this.options.onLink('waiting', failure)
      await this.pause(attempt, failure?.retryAfter)
    }
  }

  /** One life of the stream; how it ended, if not in peace. */
  private async once(round: number): Promise<ApiError | undefined> {
    const abort = (this.abort = new AbortController())
    let watchdog = setTimeout(() => abort.abort(), SILENCE)
    const alive = () => {
      clearTimeout(watchdog)
      watchdog = setTimeout(() => abort.abort(), SILENCE)
    }
    try {
      const response = await this.options.open(abort.signal)
      if (round !== this.round) return undefined
      if (!response.headers.get('content-type')?.startsWith('text/event-stream') || !response.body) {
        throw new ApiError(response.status, 'NOT_A_STREAM', 'something between us answered')
      }
      this.options.onLink('live')
      return await this.read(response.body, round, alive)
    } catch (error) {
      return error instanceof ApiError ? error : new ApiError(0, 'NETWORK', String(error))
    } finally {
      clearTimeout(watchdog)
      abort.abort()
    }
  }

  private async read(
    body: ReadableStream<Uint8Array>,
    round: number,
    alive: () => void,
  ): Promise<ApiError | undefined> {
    const reader = body.getReader()
    const events = new StreamReader()
    const decoder = new TextDecoder()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return undefined
      alive()
      for (const { event, data } of events.take(decoder.decode(value, { stream: true }))) {
        if (round !== this.round) return undefined
        if (event === 'error') return refusal(data)
        if (!this.options.onEvent(event, data)) return undefined
      }
    }
  }

  private pause(attempt: number, retryAfter: number | undefined): Promise<void> {
    const most = Math.min(BACKOFF_MOST, BACKOFF_LEAST * 2 ** attempt)
    const wait = Math.max((retryAfter ?? 0) * 1000, most * (this.options.random ?? Math.random)())
    return new Promise((wake) => {
      this.wake = wake
      this.timer = setTimeout(wake, wait)
    })
  }
}

/** An ended token is made anew by `open`; the rest of what a client can do wrong stays wrong. */
function mayPass(error: ApiError): boolean {
  return error.passing || error.status === 401 || error.status === 408 || error.reason === 'NOT_A_STREAM'
}

/** The problem that a stream ends with; nothing follows it. */
function refusal(data: string): ApiError {
  try {
    const problem = JSON.parse(data) as { readonly status?: unknown; readonly reason?: unknown }
    return new ApiError(Number(problem.status) || 0, String(problem.reason), 'the stream was ended')
  } catch {
    return new ApiError(0, 'NOT_A_PROBLEM', 'the stream was ended')
  }
}
