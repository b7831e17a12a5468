import { setupWorker } from 'msw/browser'
import { handlers } from './handlers'
import { world } from './world'

/** The app without a server: `npm run mock`. `?guest` begins signed out. */
export async function startMock(): Promise<void> {
  world.signedIn = !new URLSearchParams(window.location.search).has('guest')
  await setupWorker(...handlers).start({ onUnhandledRequest: 'bypass', quiet: true })
}
