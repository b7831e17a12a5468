import createFetchClient, { type Client } from 'openapi-fetch'
import createQueryClient, { type OpenapiQueryClient } from 'openapi-react-query'
import { ApiError, errorOf } from './problem'
import type { paths } from './schema.gen'
import { Session } from './session'

/** Reasons of a 401 that a renewed token may mend. */
const STALE = new Set(['TOKEN_EXPIRED', 'TOKEN_INVALID', 'SESSION_REVOKED'])

/** Paths that sign somebody in: they carry no token, and their 401 is about what was typed. */
const SIGNING_IN = /\/api\/v1\/auth\/(login|register|resend-code|confirm-email|refresh)$/

export interface Api {
  readonly session: Session
  /** Typed calls; everything but a success is thrown as `ApiError`. */
  readonly http: Client<paths>
  /** The same as queries and mutations. */
  readonly query: OpenapiQueryClient<paths>
}

/** The API of this page's own host. */
export function createApi(origin: string): Api {
  const session = new Session(origin)
  const http = createFetchClient<paths>({ baseUrl: origin, fetch: (request) => authorized(session, request) })
  http.use({
    async onResponse({ response }) {
      if (!response.ok) throw await errorOf(response)
    },
  })
  return { session, http, query: createQueryClient(http) }
}

async function authorized(session: Session, request: Request): Promise<Response> {
  if (SIGNING_IN.test(new URL(request.url).pathname)) return reach(request)
  const again = request.clone()
  const token = await session.bearer()
  const response = await reach(bearing(request, token))
  if (response.status !== 401 || token === undefined) return response
  if (!STALE.has((await errorOf(response.clone())).reason)) return response
  if (!(await session.refresh())) return response
  return reach(bearing(again, await session.bearer()))
}

function bearing(request: Request, token: string | undefined): Request {
  if (token !== undefined) request.headers.set('authorization', `Bearer ${token}`)
  return request
}

// `globalThis.fetch` is read at each call, so that tests may replace it.
async function reach(request: Request): Promise<Response> {
  try {
    return await globalThis.fetch(request)
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, 'NETWORK', 'the server could not be reached')
  }
}
