// What a person feels, measured by Chromium in the served app: LCP, CLS and INP, and the scripts of a first visit.

/**
 * @typedef {import('playwright-core').Page} Page
 * @typedef {{ lcp: number, cls: number, inp: number, scripts: string[] }} Vitals
 */

/** Begins to watch before a page's first line runs. */
function watch() {
  const seen = { lcp: 0, cls: 0, inp: 0 }
  Object.assign(globalThis, { neipixVitals: seen })
  /** @param {string} type @param {(entry: any) => void} take @param {object} more */
  const observe = (type, take, more = {}) =>
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({
      type,
      buffered: true,
      ...more,
    })
  observe('largest-contentful-paint', (entry) => (seen.lcp = entry.startTime))
  observe('layout-shift', (entry) => {
    if (!entry.hadRecentInput) seen.cls += entry.value
  })
  // Of the few interactions of a visit the worst one counts.
  const interaction = (/** @type {any} */ entry) => {
    if (entry.interactionId) seen.inp = Math.max(seen.inp, entry.duration)
  }
  observe('event', interaction, { durationThreshold: 16 })
}

/**
 * Until nothing more is loaded; a page that never rests is measured as it is.
 * @param {Page} page
 */
const rest = (page) => page.waitForLoadState('networkidle', { timeout: 10_000 }).catch(() => {})

/**
 * @param {Page} page
 * @returns {Promise<Omit<Vitals, 'scripts'>>}
 */
const read = (page) => page.evaluate(() => /** @type {any} */ (globalThis).neipixVitals)

/**
 * A first visit with an empty cache, as nobody knows it yet.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {(page: Page) => Promise<void>} act
 * @returns {Promise<Vitals>}
 */
export async function visit(browser, url, act = async () => {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  /** @type {string[]} */
  const scripts = []
  page.on('response', (response) => {
    const { pathname } = new URL(response.url())
    if (response.ok() && pathname.endsWith('.js')) scripts.push(pathname)
  })
  await page.addInitScript(watch)
  await page.goto(url, { waitUntil: 'load' })
  await rest(page)
  const first = [...scripts]
  await act(page)
  // The last interaction is painted, and its entry delivered, within two frames.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
  const vitals = await read(page)
  await context.close()
  return { ...vitals, scripts: first }
}

/**
 * Signs in and opens what the navigation leads to.
 * @param {{ email: string, password: string }} who
 * @returns {(page: Page) => Promise<void>}
 */
export const work = (who) => async (page) => {
  await page.locator('input[type=email]').fill(who.email)
  await page.locator('input[type=password]').fill(who.password)
  await page.keyboard.press('Enter')
  await page.waitForURL((url) => !url.pathname.startsWith('/login'))
  await rest(page)
  const links = page.locator('nav a:visible')
  for (let n = 0; n < (await links.count()); n += 1) {
    await links.nth(n).click()
    await rest(page)
  }
}
