import { ApiError } from '@neipix/api/sending'
import { readChallenge, type Challenge } from './proof'
import type { Server, WireProof, WireSession } from './server'
import type { TokenStore } from './token-store'

/** What a {@link Visitor} needs. */
export interface VisitorOptions {
  readonly server: Pick<Server, 'start' | 'reset'>
  readonly tokens: TokenStore
  /** The origin of the page around the frame. */
  readonly siteOrigin: string
  readonly solve: (challenge: Challenge) => Promise<number>
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** A session has begun; `fresh` = it is another visitor than before, so nothing that was shown is theirs. */
  readonly onSession: (session: WireSession, fresh: boolean) => void
}

// A token that ends on its way to the server would cost a second call.
const EARLY_MS = 30_000

/** Who we are to the server: the token that lasts, and the short one made of it. */
export class Visitor {
  private readonly options: VisitorOptions
  private session: WireSession | undefined
  private until = 0
  private identity = ''
  private starting: Promise<WireSession> | undefined
  /** Grows with each reset: what was begun before it must not count after it. */
  private era = 0

  constructor(options: VisitorOptions) {
    this.options = options
  }

  /** Whether this device has been here before, or the site vouches for somebody. */
  get known(): boolean {
    return this.session !== undefined || this.identity !== '' || this.options.tokens.read() !== undefined
  }

  /** The session as it is, without asking anybody. */
  get current(): WireSession | undefined {
    return this.session
  }

  /** A session that is good now. */
  start(): Promise<WireSession> {
    if (this.session && this.options.now() < this.until) return Promise.resolve(this.session)
    this.starting ??= this.begin(this.era).finally(() => (this.starting = undefined))
    return this.starting
  }

  /** Calls with an access token, and once more with a fresh one where it has ended. */
  async with<T>(call: (access: string) => Promise<T>): Promise<T> {
    const { era } = this
    const { accessToken } = await this.start()
    try {
      return await call(accessToken)
    } catch (error) {
      // Words of somebody who has left must not be said in the name of the next.
      if (!(error instanceof ApiError) || error.status !== 401 || era !== this.era) throw error
      this.expire(accessToken)
      return call((await this.start()).accessToken)
    }
  }

  /** The access token is no longer good. */
  expire(accessToken: string): void {
    if (this.session?.accessToken === accessToken) this.until = 0
  }

  /** The site's server vouches for the visitor. */
  async identify(jwt: string): Promise<WireSession> {
    await this.starting?.catch(() => undefined)
    this.identity = jwt
    this.until = 0
    return this.start()
  }

  /** The person has left: nothing of theirs stays on this device. */
  async reset(): Promise<void> {
    const token = this.options.tokens.read()
    this.forget()
    this.options.tokens.drop()
    if (token) await this.options.server.reset(token)
  }

  /** Forgets who we are in memory; the stored token has been dealt with. */
  forget(): void {
    this.era += 1
    this.session = undefined
    this.starting = undefined
    this.until = 0
    this.identity = ''
  }

  private async begin(era: number): Promise<WireSession> {
    const { tokens, now, onSession } = this.options
    const before = this.session
    const used = tokens.read() ?? ''
    const session = await this.ask(used, this.identity).catch((error: unknown) => {
      // A token that is refused must not stand in the way of every later call.
      if (error instanceof ApiError && error.reason === 'IDENTITY_INVALID') this.identity = ''
      throw error
    })
    if (era !== this.era) throw new ApiError(0, 'NETWORK', 'the visitor has left')
    if (session.visitorToken) tokens.save(session.visitorToken, session.identified)
    else if (used && session.identified) tokens.save(used, true)
    this.identity = ''
    this.session = session
    this.until = now() + session.expiresInSeconds * 1000 - EARLY_MS
    onSession(session, session.replaced || (before !== undefined && before.visitorId !== session.visitorId))
    return session
  }

  private async ask(visitorToken: string, identityToken: string): Promise<WireSession> {
    const { server, siteOrigin, tokens } = this.options
    const call = { visitorToken, identityToken, siteOrigin }
    try {
      return await this.proving((proof) => server.start(proof ? { ...call, proof } : call))
    } catch (error) {
      if (!(error instanceof ApiError) || error.reason !== 'VISITOR_TOKEN_INVALID' || !visitorToken)
        throw error
      // Another tab may have got the next token meanwhile; else this visitor is gone and a new one begins.
      const now = tokens.read()
      if (now !== undefined && now !== visitorToken) return this.ask(now, identityToken)
      tokens.drop()
      return this.ask('', identityToken)
    }
  }

  /** Calls, and once more with the work that the server asks for. */
  async proving<T>(call: (proof?: WireProof) => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      const challenge = error instanceof ApiError ? readChallenge(challengeOf(error)) : undefined
      if (!challenge) throw error
      const n = await this.options.solve(challenge)
      return call({ challenge: challenge.text, n: String(n) })
    }
  }
}

function challengeOf(error: ApiError): unknown {
  const problem = error.problem as (ApiError['problem'] & { readonly challenge?: unknown }) | undefined
  return error.reason === 'PROOF_REQUIRED' ? problem?.challenge : undefined
}
