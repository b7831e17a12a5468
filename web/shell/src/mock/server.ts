import type { RequestHandler, WebSocketHandler } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { api } from '../api'

export interface MockServer {
  handlers: readonly (RequestHandler | WebSocketHandler)[]
  /** Loads the words of the tests. */
  speak: () => Promise<void>
  /** Puts the world back before each test. */
  reset: () => void
}

/** Serves a test file; each of its tests begins anew. */
export function mockServerFor({ handlers, speak, reset }: MockServer) {
  const server = setupServer(...handlers)
  beforeAll(async () => {
    server.listen({ onUnhandledRequest: 'error' })
    await speak()
  })
  beforeEach(reset)
  afterEach(() => {
    server.resetHandlers()
    api.session.clear()
    window.localStorage.clear()
  })
  afterAll(() => server.close())
  return server
}
