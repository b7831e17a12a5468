import { createMemoryHistory } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
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
  beforeAll(async () => {
    server.listen({ onUnhandledRequest: 'error' })
    await speak('ru')
  })
  beforeEach(() => {
    resetWorld({ signedIn: true })
  })
  afterEach(() => {
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
