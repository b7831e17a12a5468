import { createQueries, speak } from '@neipix/shell'
import { mockServerFor } from '@neipix/shell/mock-server'
import { createMemoryHistory } from '@tanstack/react-router'
import { render } from '@testing-library/react'
import { createPanelRouter, Panel } from '@admin/app/panel'
import { wordsOf } from '@admin/app/words'
import { handlers } from './handlers'
import { resetWorld } from './world'

/** Call it once at the top of a test file: a mock server with a fresh world for each test, words in Russian. */
export const withMockServer = () =>
  mockServerFor({ handlers, speak: () => speak('ru', wordsOf), reset: () => resetWorld() })

/** Draws the whole panel at this address. */
export function openPanel(path: string) {
  const queries = createQueries()
  const router = createPanelRouter(queries, createMemoryHistory({ initialEntries: [path] }))
  render(<Panel queries={queries} router={router} />)
  return router
}
