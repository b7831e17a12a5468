import type { RequestHandler, WebSocketHandler } from 'msw'
import { setupServer } from 'msw/node'
import { cleanup } from '@testing-library/react'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
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
  // jsdom lays nothing out; virtual lists ask for the size of their window.
  beforeEach(() => {
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600)
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(900)
  })
  afterEach(() => {
    // First, or the screens would ask for what they miss when the session goes.
    cleanup()
    vi.restoreAllMocks()
    server.resetHandlers()
    api.session.clear()
    window.localStorage.clear()
  })
  afterAll(() => server.close())
  return server
}
