import { ApiError, errorOf } from '@neipix/api/sending'

/** Who wrote a message. */
export type Author = 'AUTHOR_CONTACT' | 'AUTHOR_ASSISTANT' | 'AUTHOR_OPERATOR' | 'AUTHOR_SYSTEM'

/** Where a part of an answer comes from. */
export interface WireCitation {
  readonly n: number
  readonly title: string
  /** From 1; 0 = none. */
  readonly page: number
  readonly quote: string
}

/** A message as the server tells it; numbers of 64 bits are strings. */
export interface WireMessage {
  readonly id: string
  readonly seq: string
  readonly author: Author
  readonly text: string
  readonly clientId: string
  readonly turnId: string
  readonly interrupted: boolean
  readonly citations: readonly WireCitation[]
  readonly createTime?: string
}

/** Who answers, and where the dialogue stands. */
export interface WireConversation {
  readonly id: string
  readonly status: string
  readonly handler: string
  readonly lastSeq: string
}

/** An answer on its way. */
export interface WireAnswer {
  readonly turnId: string
  readonly answering: boolean
  readonly text: string
}

/** A page of a dialogue, newest message first. */
export interface WirePage {
  readonly messages: readonly WireMessage[]
  readonly nextPageToken: string
  readonly conversation?: WireConversation
  readonly answer?: WireAnswer
}

/** A visitor from now on. */
export interface WireSession {
  readonly visitorId: string
  readonly visitorToken: string
  readonly accessToken: string
  readonly expiresInSeconds: number
  readonly identified: boolean
  readonly conversationId: string
  readonly replaced: boolean
}

/** Work done because of PROOF_REQUIRED. */
export interface WireProof {
  readonly challenge: string
  readonly n: string
}

/** What StartVisitor takes. */
export interface StartCall {
  readonly visitorToken: string
  readonly siteOrigin: string
  readonly identityToken: string
  readonly proof?: WireProof
}

/** A call that stays longer than this without an answer is given up: a phone's radio may be gone. */
const PATIENCE_MS = 20_000

/** The widget's calls. They throw `ApiError` and nothing else. */
export class Server {
  private readonly base: string

  /** @param key The widget's public key. */
  constructor(key: string) {
    this.base = `/api/v1/widget/${encodeURIComponent(key)}`
  }

  start(call: StartCall): Promise<WireSession> {
    return this.json('/visitor', { body: call }) as Promise<WireSession>
  }

  async reset(visitorToken: string): Promise<void> {
    await this.json('/visitor:reset', { body: { visitorToken }, keepalive: true })
  }

  async send(
    access: string,
    call: { readonly clientId: string; readonly text: string; readonly proof?: WireProof },
  ): Promise<{ readonly message: WireMessage; readonly conversationId: string }> {
    return this.json('/messages', { access, body: call }) as Promise<{
      message: WireMessage
      conversationId: string
    }>
  }

  list(access: string, conversationId: string, pageToken: string): Promise<WirePage> {
    const query = new URLSearchParams({ pageSize: '50' })
    if (conversationId) query.set('conversationId', conversationId)
    if (pageToken) query.set('pageToken', pageToken)
    return this.json(`/messages?${query}`, { access }) as Promise<WirePage>
  }

  async typing(access: string): Promise<void> {
    await this.json('/visitor:typing', { access, body: {} })
  }

  /** Opens the stream of the dialogue behind message number `after`. */
  watch(access: string, conversationId: string, after: number, signal: AbortSignal): Promise<Response> {
    const query = new URLSearchParams({ after: String(after) })
    if (conversationId) query.set('conversationId', conversationId)
    return call(`${this.base}/events?${query}`, {
      headers: {
        authorization: `Bearer ${access}`,
        accept: 'text/event-stream',
        'last-event-id': String(after),
      },
      signal,
    })
  }

  private async json(
    path: string,
    { access, body, keepalive }: { access?: string; body?: unknown; keepalive?: boolean },
  ): Promise<unknown> {
    const headers: Record<string, string> = { accept: 'application/json' }
    if (access) headers['authorization'] = `Bearer ${access}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    const response = await call(this.base + path, {
      headers,
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
      ...(keepalive && { keepalive }),
    })
    try {
      return await response.json()
    } catch {
      throw new ApiError(0, 'NETWORK', 'the answer was cut')
    }
  }
}

async function call(url: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(url, { credentials: 'omit', cache: 'no-store', ...init })
  } catch (error) {
    throw new ApiError(0, 'NETWORK', String(error))
  }
  if (!response.ok) throw await errorOf(response)
  return response
}
