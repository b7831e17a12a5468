import { mockServerFor } from '@neipix/shell/mock-server'
import { createMemoryHistory } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { App } from '@app/app/app'
import { speak } from '@app/app/i18n'
import { createQueries } from '@app/app/query'
import { createAppRouter, type AppRouter } from '@app/app/router'
import { handlers } from './handlers'
import { resetWorld } from './world'

/** Call it once at the top of a test file: a mock server with a fresh world for each test, words in Russian. */
export const withMockServer = () =>
  mockServerFor({
    handlers,
    speak: () => speak('ru'),
    reset: () => resetWorld({ signedIn: true }),
  })

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
