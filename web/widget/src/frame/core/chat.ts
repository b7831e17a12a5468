import { ApiError, Outbox, type Outgoing } from '@neipix/api/sending'
import type { ToFrame, ToHost } from '../../port'
import { EMPTY, extended, happened, opened, readHappening, stored, type Dialogue } from './dialogue'
import { Feed, type Link } from './feed'
import type { Challenge } from './proof'
import { Server, type WireSession } from './server'
import { BrowserShelf } from './shelf'
import { Store } from './store'
import type { TokenStore } from './token-store'
import { uuid7 } from './uuid7'
import { Visitor } from './visitor'

/** What the frame shows. */
export interface View {
  /** `new`: nobody has asked yet; `loading`: the dialogue is being fetched; `blocked`: nothing can be said, see `trouble`. */
  readonly phase: 'new' | 'loading' | 'ready' | 'blocked'
  readonly dialogue: Dialogue
  /** Ours that the server has not yet. */
  readonly waiting: readonly Outgoing[]
  readonly link: Link
  readonly typing: 'operator' | 'assistant' | undefined
  /** The reason of what went wrong last; empty = nothing. */
  readonly trouble: string
  readonly open: boolean
  readonly unread: number
  readonly loadingOlder: boolean
}

const NOTHING: View = {
  phase: 'new',
  dialogue: EMPTY,
  waiting: [],
  link: 'idle',
  typing: undefined,
  trouble: '',
  open: true,
  unread: 0,
  loadingOlder: false,
}

/** What a {@link Chat} needs. */
export interface ChatOptions {
  readonly key: string
  readonly requireIdentity: boolean
  readonly siteOrigin: string
  readonly tokens: TokenStore
  readonly storage: () => Storage
  readonly solve: (challenge: Challenge) => Promise<number>
  readonly tell: (message: ToHost) => void
}

// One visitor, one dialogue: the messages of a device go one after another.
const LINE = 'visitor'
const TYPING_SHOWN_MS = 6000
const TYPING_TOLD_MS = 4000

/** Reasons after which no call of this visitor can succeed. */
const FINAL = new Set(['IDENTITY_REQUIRED', 'ORIGIN_FORBIDDEN', 'NOT_FOUND'])

/** One visitor's dialogue: calls, stream, what waits to be sent. It draws nothing. */
export class Chat {
  readonly store = new Store<View>(NOTHING)
  private readonly options: ChatOptions
  private readonly server: Server
  private readonly visitor: Visitor
  private readonly shelf: BrowserShelf
  private readonly feed: Feed
  private outbox: Outbox<void>
  private opening: Promise<void> | undefined
  private typingTimer: ReturnType<typeof setTimeout> | undefined
  private toldTyping = 0

  constructor(options: ChatOptions) {
    this.options = options
    this.server = new Server(options.key)
    this.shelf = new BrowserShelf(options.key, options.storage)
    this.visitor = new Visitor({
      server: this.server,
      tokens: options.tokens,
      siteOrigin: options.siteOrigin,
      solve: options.solve,
      now: Date.now,
      onSession: (session, fresh) => this.onSession(session, fresh),
    })
    this.feed = new Feed({
      open: (signal) =>
        this.visitor.with((access) => {
          const { conversation, cursor } = this.view.dialogue
          return this.server.watch(access, conversation, cursor, signal)
        }),
      onEvent: (event, data) => this.onEvent(event, data),
      onLink: (link, why) => this.onLink(link, why),
    })
    this.outbox = this.newOutbox()
  }

  private get view(): View {
    return this.store.get()
  }

  /** Goes on with an earlier dialogue, if there is one; a new visitor costs no call before the first message. */
  start(): void {
    this.outbox.start()
    if (this.visitor.known) this.openDialogue()
    else if (this.options.requireIdentity) this.set({ phase: 'blocked', trouble: 'IDENTITY_REQUIRED' })
    this.options.tokens.watch((token) => this.onTokenElsewhere(token))
    window.addEventListener('online', () => this.hurry())
    window.addEventListener('offline', () => this.feed.hurry())
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState !== 'visible') return
      this.hurry()
      this.sawAll()
    })
  }

  /** What the host page asks for. */
  hear(message: ToFrame): void {
    switch (message.t) {
      case 'open':
        this.set({ open: true })
        this.sawAll()
        this.hurry()
        break
      case 'close':
        this.set({ open: false })
        break
      case 'identify':
        void this.identify(message.jwt)
        break
      case 'reset':
        this.reset()
        break
      default:
    }
  }

  send(text: string): void {
    this.outbox.add({ id: uuid7(Date.now()), conversation: LINE, text, at: Date.now() })
    this.set({ trouble: '' })
  }

  again(id: string): void {
    this.outbox.again(id)
  }

  discard(id: string): void {
    this.outbox.discard(id)
  }

  /** The visitor is writing; told at most every few seconds, and only where a dialogue goes on. */
  wrote(): void {
    const access = this.visitor.current?.accessToken
    if (!access || this.view.dialogue.conversation === '' || Date.now() - this.toldTyping < TYPING_TOLD_MS)
      return
    this.toldTyping = Date.now()
    // Nobody misses it where it does not arrive.
    this.server.typing(access).catch(() => undefined)
  }

  loadOlder(): void {
    const { dialogue, loadingOlder } = this.view
    if (dialogue.older === '' || loadingOlder) return
    this.set({ loadingOlder: true })
    this.visitor
      .with((access) => this.server.list(access, dialogue.conversation, dialogue.older))
      .then((page) => {
        const now = this.view.dialogue
        if (now.conversation === dialogue.conversation) this.set({ dialogue: extended(now, page) })
      })
      .catch(() => undefined)
      .finally(() => this.set({ loadingOlder: false }))
  }

  /** Tries again what has failed for lack of a network. */
  hurry(): void {
    this.outbox.hurry()
    this.feed.hurry()
    if (this.view.phase === 'loading') this.openDialogue()
  }

  private set(change: Partial<View>): void {
    this.store.set({ ...this.view, ...change })
  }

  private newOutbox(): Outbox<void> {
    // No lock between tabs: a page that is frozen would hold it. The server knows a message by its id.
    const outbox: Outbox<void> = new Outbox<void>({
      post: (item) => this.post(item),
      onSent: () => this.options.tell({ t: 'event', name: 'sent' }),
      onChange: (waiting) => {
        // What one before it still had on its way belongs to nobody here.
        if (outbox === this.outbox) this.set({ waiting })
      },
      shelf: this.shelf,
    })
    return outbox
  }

  private async post({ id, text }: Outgoing): Promise<void> {
    const sent = await this.visitor.with((access) =>
      this.visitor.proving((proof) =>
        this.server.send(access, { clientId: id, text, ...(proof && { proof }) }),
      ),
    )
    const { dialogue } = this.view
    const other = dialogue.conversation !== '' && dialogue.conversation !== sent.conversationId
    this.set({ dialogue: stored(dialogue, sent.conversationId, sent.message), phase: 'ready' })
    if (other) this.openDialogue()
    else if (!this.opening) this.feed.start()
  }

  private onSession(session: WireSession, fresh: boolean): void {
    if (!fresh) return
    this.shelf.clear()
    this.outbox.stop()
    this.outbox = this.newOutbox()
    this.set({ dialogue: EMPTY, waiting: [], unread: 0, phase: 'loading' })
    this.feed.stop()
    if (session.conversationId === '') this.set({ phase: 'ready' })
    this.openDialogue()
  }

  /** Reads the dialogue's newest page, then follows it. */
  private openDialogue(): void {
    this.opening ??= this.readNewest().finally(() => (this.opening = undefined))
  }

  private async readNewest(): Promise<void> {
    if (this.view.phase === 'new') this.set({ phase: 'loading' })
    for (let attempt = 0; ; attempt += 1) {
      const asked = this.view.dialogue
      try {
        const session = await this.visitor.start()
        const page = await this.visitor.with((access) => this.server.list(access, '', ''))
        if (session.visitorId !== this.visitor.current?.visitorId) return
        this.set({ dialogue: opened(this.view.dialogue, page), phase: 'ready', trouble: '' })
        this.feed.restart()
        return
      } catch (error) {
        if (!(error instanceof ApiError) || !error.passing) {
          this.onRefusal(error)
          return
        }
        this.set({ link: 'waiting', trouble: error.status === 0 ? '' : error.reason })
        await this.rest(attempt, error.retryAfter)
        if (asked !== this.view.dialogue && this.view.phase === 'new') return
      }
    }
  }

  private rest(attempt: number, retryAfter = 0): Promise<void> {
    const wait = Math.max(retryAfter * 1000, Math.min(30_000, 500 * 2 ** attempt) * Math.random())
    return new Promise((done) => {
      const go = () => {
        clearTimeout(timer)
        window.removeEventListener('online', go)
        done()
      }
      const timer = setTimeout(go, wait)
      window.addEventListener('online', go)
    })
  }

  private onRefusal(error: unknown): void {
    const reason = error instanceof ApiError ? error.reason : 'INTERNAL'
    this.set({ trouble: reason, phase: FINAL.has(reason) ? 'blocked' : 'ready' })
  }

  private onLink(link: Link, why: ApiError | undefined): void {
    this.set({ link, ...(link !== 'live' && { typing: undefined }) })
    if (link === 'stopped' && why) this.onRefusal(why)
  }

  private onEvent(event: string, data: string): boolean {
    const happening = readHappening(event, data)
    if (!happening) return true
    if (happening.kind === 'typing') {
      this.onTyping(happening.author)
      return true
    }
    const before = this.view.dialogue
    const after = happened(before, happening)
    if (after === 'resume') return false
    if (after === 'reload') {
      this.feed.stop()
      void this.rest(0).then(() => this.openDialogue())
      return false
    }
    this.set({ dialogue: after })
    if (happening.kind === 'message') this.onMessage(before, after)
    return true
  }

  private onMessage(before: Dialogue, after: Dialogue): void {
    const known = new Set(before.messages.map((one) => one.id))
    const news = after.messages.filter((one) => one.author !== 'AUTHOR_CONTACT' && !known.has(one.id)).length
    if (news === 0) return
    this.onTyping('')
    this.options.tell({ t: 'event', name: 'message' })
    if (this.view.open && document.visibilityState === 'visible') return
    this.set({ unread: this.view.unread + news })
    this.options.tell({ t: 'unread', n: this.view.unread })
  }

  private onTyping(author: string): void {
    clearTimeout(this.typingTimer)
    const typing =
      author === 'AUTHOR_OPERATOR' ? 'operator' : author === 'AUTHOR_ASSISTANT' ? 'assistant' : undefined
    this.set({ typing })
    if (typing) this.typingTimer = setTimeout(() => this.set({ typing: undefined }), TYPING_SHOWN_MS)
  }

  private sawAll(): void {
    if (this.view.unread === 0 || !this.view.open) return
    this.set({ unread: 0 })
    this.options.tell({ t: 'unread', n: 0 })
  }

  private async identify(jwt: string): Promise<void> {
    if (this.view.phase === 'blocked') this.set({ phase: 'loading', trouble: '' })
    try {
      await this.visitor.identify(jwt)
      this.options.tell({ t: 'event', name: 'identified' })
      this.openDialogue()
    } catch (error) {
      this.options.tell({ t: 'event', name: 'identify_failed' })
      this.onRefusal(error)
      if (this.options.requireIdentity && !this.visitor.current) this.set({ phase: 'blocked' })
    }
  }

  /** The person has left the site: nothing of theirs stays in sight or in storage. */
  private reset(): void {
    this.clear()
    this.visitor.reset().catch(() => undefined)
  }

  private onTokenElsewhere(token: string | undefined): void {
    if (token === undefined) {
      this.clear()
      this.visitor.forget()
    } else if (!this.visitor.current) {
      // Another tab has begun; this one goes on with the same visitor.
      this.openDialogue()
    }
  }

  private clear(): void {
    this.feed.stop()
    this.outbox.stop()
    this.shelf.clear()
    this.outbox = this.newOutbox()
    const blocked = this.options.requireIdentity
    this.store.set({
      ...NOTHING,
      open: this.view.open,
      ...(blocked && { phase: 'blocked', trouble: 'IDENTITY_REQUIRED' }),
    })
    this.options.tell({ t: 'unread', n: 0 })
  }
}
