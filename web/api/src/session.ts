import { ApiError, errorOf } from './problem'
import type { components } from './schema.gen'

export type Me = components['schemas']['Me']
type Tokens = components['schemas']['SessionTokens']

/** A token this close to its end is renewed before it is used, in milliseconds. */
const EARLY = 30_000

/**
 * Who is signed in on this page. The access token lives in memory only; the refresh token is a cookie that no script
 * sees.
 */
export class Session {
  private token: { value: string; until: number } | undefined
  private refreshing: Promise<boolean> | undefined
  private readonly listeners = new Set<() => void>()
  private readonly origin: string

  constructor(origin: string) {
    this.origin = origin
  }

  /** Called when somebody signs in or out, here or by the server. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Whether a token is held; an old one counts until the server refuses to renew it. */
  get signedIn(): boolean {
    return this.token !== undefined
  }

  /** Takes what Login, ConfirmEmail or SwitchWorkspace answered. */
  accept(tokens: Pick<Tokens, 'accessToken' | 'expiresInSeconds'>): void {
    const first = this.token === undefined
    this.token = { value: tokens.accessToken, until: Date.now() + tokens.expiresInSeconds * 1000 }
    if (first) this.tell()
  }

  /** Forgets the token; the cookie is the server's to take. */
  clear(): void {
    if (this.token === undefined) return
    this.token = undefined
    this.tell()
  }

  /** A token that is good for now; `undefined` for a guest. Throws where the server cannot be asked. */
  async bearer(): Promise<string | undefined> {
    if (this.token && this.token.until - Date.now() > EARLY) return this.token.value
    return (await this.refresh()) ? this.token?.value : undefined
  }

  /**
   * Renews the token by the cookie, once for all who ask at the same time. `false` = a guest; throws where that is not
   * known, so that a lost network signs nobody out.
   */
  refresh(): Promise<boolean> {
    this.refreshing ??= this.renew().finally(() => {
      this.refreshing = undefined
    })
    return this.refreshing
  }

  private async renew(): Promise<boolean> {
    const response = await this.post('/api/v1/auth/refresh')
    if (response.ok) {
      this.accept((await response.json()) as Tokens)
      return true
    }
    if (response.status !== 401) throw await errorOf(response)
    this.clear()
    return false
  }

  private async post(path: string): Promise<Response> {
    try {
      return await globalThis.fetch(this.origin + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        credentials: 'same-origin',
        body: '{}',
      })
    } catch {
      throw new ApiError(0, 'NETWORK', 'the server could not be reached')
    }
  }

  private tell(): void {
    for (const listener of this.listeners) listener()
  }
}
