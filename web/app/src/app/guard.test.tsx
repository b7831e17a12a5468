import { screen, waitFor } from '@testing-library/react'
import { expect, test } from 'vitest'
import { openApp, withMockServer } from '@app/mock/test-app'
import { resetWorld } from '@app/mock/world'

withMockServer()

test('a guest is led to the log-in and no guarded screen is drawn', async () => {
  resetWorld({ signedIn: false })
  const router = openApp('/wallet?kind=settle')
  await waitFor(() => expect(router.state.location.pathname).toBe('/login'))
  expect(router.state.location.search).toEqual({ next: '/wallet?kind=settle' })
  expect(screen.queryByRole('main')).not.toBeInTheDocument()
})
