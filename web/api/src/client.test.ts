import { http as mock, HttpResponse } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createApi } from './client'
import { ApiError } from './problem'

const ORIGIN = 'http://app.localhost:8080'
const at = (path: string) => `${ORIGIN}/api/v1${path}`
const server = setupServer()
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

function refusal(status: number, reason: string, more: object = {}): HttpResponse<string> {
  const body = {
    type: `${ORIGIN}/errors/${reason}`,
    title: reason,
    status,
    detail: 'detail',
    reason,
    ...more,
  }
  return new HttpResponse(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', 'retry-after': '7' },
  })
}

/** A server that knows one access token at a time. */
function signedIn() {
  const seen: string[] = []
  let good = 0
  let session = true
  server.use(
    mock.post(at('/auth/refresh'), async ({ request }) => {
      seen.push('refresh')
      expect(request.headers.get('content-type')).toBe('application/json')
      if (!session) return refusal(401, 'REFRESH_INVALID')
      good += 1
      return HttpResponse.json({ accessToken: `t${good}`, expiresInSeconds: 600 })
    }),
    mock.get(at('/chats'), ({ request }) => {
      const token = request.headers.get('authorization')
      seen.push(token ?? 'guest')
      return token === `Bearer t${good}`
        ? HttpResponse.json({ conversations: [], nextPageToken: '' })
        : refusal(401, 'TOKEN_EXPIRED')
    }),
    mock.post(at('/chats/:id/messages'), async ({ request }) => {
      const body = (await request.json()) as { text: string }
      seen.push(`${request.headers.get('authorization')} ${body.text}`)
      return request.headers.get('authorization') === `Bearer t${good}`
        ? HttpResponse.json({ text: body.text })
        : refusal(401, 'SESSION_REVOKED')
    }),
  )
  return { seen, expire: () => (good += 1), end: () => (session = false) }
}

test('a page that was opened anew signs in by its cookie, once for all calls', async () => {
  const { seen } = signedIn()
  const { http } = createApi(ORIGIN)
  await Promise.all([http.GET('/api/v1/chats'), http.GET('/api/v1/chats'), http.GET('/api/v1/chats')])
  expect(seen).toEqual(['refresh', 'Bearer t1', 'Bearer t1', 'Bearer t1'])
})

test('a token that ended early is renewed and the call made again with its body', async () => {
  const { seen, expire } = signedIn()
  const { http } = createApi(ORIGIN)
  await http.GET('/api/v1/chats')
  expire()
  const path = '/api/v1/chats/{conversationId}/messages'
  const { data } = await http.POST(path, { params: { path: { conversationId: 'c' } }, body: { text: 'да' } })
  expect(data?.text).toBe('да')
  expect(seen.slice(2)).toEqual(['Bearer t1 да', 'refresh', 'Bearer t3 да'])
})

test('an ended session is a guest; its refusal is the last call’s and listeners hear of it', async () => {
  const { expire, end } = signedIn()
  const { http, session } = createApi(ORIGIN)
  let heard = 0
  await http.GET('/api/v1/chats')
  session.onChange(() => (heard += 1))
  expire()
  end()
  await expect(http.GET('/api/v1/chats')).rejects.toMatchObject({ status: 401, reason: 'TOKEN_EXPIRED' })
  expect(heard).toBe(1)
  expect(await session.bearer()).toBeUndefined()
})

test('a lost network signs nobody out', async () => {
  server.use(mock.post(at('/auth/refresh'), () => HttpResponse.error()))
  const { http, session } = createApi(ORIGIN)
  let heard = 0
  session.onChange(() => (heard += 1))
  await expect(http.GET('/api/v1/chats')).rejects.toMatchObject({
    status: 0,
    reason: 'NETWORK',
    passing: true,
  })
  expect(heard).toBe(0)
})

test('a refusal names reason, fields and the wait; a proxy’s page keeps its status', async () => {
  server.use(
    mock.post(at('/auth/login'), ({ request }) => {
      expect(request.headers.get('authorization')).toBeNull()
      return refusal(400, 'FIELD_INVALID', { errors: [{ field: 'email', message: 'must be an address' }] })
    }),
  )
  const { http } = createApi(ORIGIN)
  const body = { email: 'x', password: 'y' }
  const error = await http.POST('/api/v1/auth/login', { body }).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ApiError)
  expect(error).toMatchObject({ reason: 'FIELD_INVALID', retryAfter: 7, passing: false })
  expect((error as ApiError).field('email')).toBe('must be an address')
  expect((error as ApiError).field('password')).toBeUndefined()

  server.use(mock.post(at('/auth/login'), () => new HttpResponse('<h1>Bad gateway</h1>', { status: 502 })))
  await expect(http.POST('/api/v1/auth/login', { body })).rejects.toMatchObject({
    status: 502,
    reason: 'NOT_A_PROBLEM',
    passing: true,
  })
})
