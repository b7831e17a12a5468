import { createMemoryHistory } from '@tanstack/react-router'
import { cleanup, render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
import { App } from '@app/app/app'
import { speak } from '@app/app/i18n'
import { createQueries } from '@app/app/query'
import { createAppRouter, type AppRouter } from '@app/app/router'
import { api } from '@app/shared/api'
import { handlers } from './handlers'
import { resetWorld } from './world'

/** Call it once at the top of a test file: a mock server with a fresh world for each test, words in Russian. */
export function withMockServer() {
  const server = setupServer(...handlers)
  // jsdom lays nothing out; virtual lists ask for the size of their window.
  beforeEach(() => {
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(600)
    vi.spyOn(HTMLElement.prototype, 'clientWidth', 'get').mockReturnValue(900)
  })
  beforeAll(async () => {
    server.listen({ onUnhandledRequest: 'error' })
    await speak('ru')
  })
  beforeEach(() => {
    resetWorld({ signedIn: true })
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

/** Draws the whole app at this address. */
export function openApp(path: string): AppRouter {
  const queries = createQueries()
  const router = createAppRouter(queries, createMemoryHistory({ initialEntries: [path] }))
  render(<App queries={queries} router={router} />)
  return router
}

/** Puts text into a field at once, as a paste does: a whole screen redrawn per letter takes its time. */
export async function fill(field: HTMLElement, text: string): Promise<void> {
  await userEvent.click(field)
  await userEvent.paste(text)
}
