import { test as base, expect, type Page } from '@playwright/test'
import { Product, type Host, type Person } from './product'
import { isHere, Road } from './road'

export { expect }

export type Theme = 'light' | 'dark'

export interface VisitOptions {
  language?: 'ru' | 'en'
  theme?: Theme
  width?: number
}

/** Somebody at a browser of their own. */
export interface Visitor {
  page: Page
  /** Their way to the network. */
  road: Road
}

interface OfTest {
  /** Opens a browser on a road of its own. What a page complains of fails the test at its end. */
  visit: (options?: VisitOptions) => Promise<Visitor>
}

interface OfWorker {
  product: Product
}

/** Complaints of a browser that say nothing of our pages: what was cut or refused on purpose is told this way. */
const EXPECTED = /^Failed to load resource|net::ERR_|WebSocket connection to/u

export const test = base.extend<OfTest, OfWorker>({
  product: [
    async ({}, give) => {
      const product = await Product.start()
      await give(product)
      await product.stop()
    },
    { scope: 'worker', timeout: 120_000 },
  ],

  visit: async ({ browser }, give) => {
    const complaints: string[] = []
    const open: { road: Road; close: () => Promise<void> }[] = []
    await give(async ({ language = 'ru', theme = 'light', width = 1280 } = {}) => {
      const road = await Road.open()
      const context = await browser.newContext({
        proxy: road.proxy,
        locale: language === 'ru' ? 'ru-RU' : 'en-GB',
        timezoneId: 'Europe/Moscow',
        colorScheme: theme,
        reducedMotion: 'reduce',
        viewport: { width, height: 800 },
      })
      if (language === 'en') await context.addInitScript(preferEnglish)
      open.push({ road, close: () => context.close() })
      context.on('request', (asked) => {
        const { protocol, hostname } = new URL(asked.url())
        if (protocol.startsWith('http') && !isHere(hostname))
          complaints.push(`asked another machine: ${asked.url()}`)
      })
      const page = await context.newPage()
      page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
      page.on('console', (said) => {
        if (said.type() !== 'error' || EXPECTED.test(said.text())) return
        complaints.push(`${page.url()}: ${said.text()}`)
      })
      return { page, road }
    })
    for (const { road, close } of open) {
      await close()
      await road.close()
    }
    expect(
      complaints,
      'no page complains: a policy refused something, code threw, another machine was asked',
    ).toEqual([])
  },
})

/** What the switch of the language would keep. */
function preferEnglish(): void {
  localStorage.setItem(
    'npx:preferences',
    JSON.stringify({ state: { theme: 'system', language: 'en' }, version: 1 }),
  )
}

/** Signs in at the form of a host, as a person would. */
export async function signIn(
  page: Page,
  product: Product,
  host: Host,
  person: Pick<Person, 'email'>,
): Promise<void> {
  await page.goto(product.origin(host))
  await fillLogin(page, person.email)
  // A role without sections has no navigation to wait for.
  await expect(page).not.toHaveURL(/\/login/u)
  await expect(page.getByRole('main')).toBeVisible()
}

/** The log-in form that is on the page. */
export async function fillLogin(page: Page, email: string, password = 'long enough 1'): Promise<void> {
  await page.getByLabel(/^(почта|e-?mail)$/iu).fill(email)
  await page.getByLabel(/^(пароль|password)$/iu).fill(password)
  await page.getByRole('button', { name: /^(войти|sign in|log in)$/iu }).click()
}
