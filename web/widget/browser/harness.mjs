import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { startShop } from '../demo/shop.mjs'
import { startMock } from '../mock/server.mjs'

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
]

/**
 * Debian's Chromium: nothing is downloaded. A context of a test is an incognito window, which gives a foreign frame no
 * storage at all unless told so.
 */
export const launch = ({ storage = true } = {}) =>
  chromium.launch({
    executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
    args: [
      ...ARGS,
      ...(storage ? ['--disable-features=BlockThirdPartyCookiesInIncognito,ImprovedCookieControls'] : []),
    ],
  })

/** Looks again until it holds, for at most `ms`. */
export async function until(what, ms = 10_000) {
  const end = Date.now() + ms
  for (;;) {
    const value = await what()
    if (value) return value
    if (Date.now() > end) throw new Error(`never came true: ${what}`)
    await new Promise((next) => setTimeout(next, 25))
  }
}

/** A mock of the widget's host, a shop that embeds it, and a browser at the shop. */
export async function stage(browser, { config: own = {}, context: options = {}, listed = true } = {}) {
  const config = {
    key: 'wk_demo',
    origins: [],
    locale: '',
    title: 'Чайная лавка',
    greeting: 'Здравствуйте! Помогу с выбором чая и доставкой.',
    accent: '',
    side: 'right',
    scheme: '',
    requireIdentity: false,
    ...own,
  }
  const mock = await startMock({ config })
  const identity = { secret: 'wid_secret_for_tests_only_0123456789', kid: 'k1' }
  const shop = await startShop({ widget: mock.origin, key: config.key, identity })
  config.origins.push(listed ? shop.origin : 'https://other.example')
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'ru-RU',
    ...options,
  })
  const troubles = []
  context.on('weberror', (error) => troubles.push(String(error.error())))
  context.on('console', (message) => {
    const text = message.text()
    // Calls that the test makes fail are told by the browser.
    if (message.type() === 'error' && !/Failed to load resource|net::ERR/.test(text)) troubles.push(text)
  })
  return {
    mock,
    shop,
    context,
    troubles,
    async visit() {
      const page = await context.newPage()
      await page.goto(shop.origin)
      await page.locator('neipix-widget').waitFor({ state: 'attached' })
      return page
    },
    async close() {
      await context.close()
      await Promise.all([mock.close(), shop.close()])
    },
  }
}

/** The frame of the widget, opened by the shop's own button. */
export async function openChat(page) {
  await page.evaluate(() => document.getElementById('ask').click())
  return frameOf(page)
}

export async function frameOf(page) {
  const frame = await until(() => page.frames().find((one) => one.url().includes('/f/')))
  await frame.locator('textarea').waitFor()
  return frame
}

export async function say(frame, text) {
  await frame.getByLabel('Сообщение').fill(text)
  await frame.getByLabel('Сообщение').press('Enter')
}

/** What the visitor reads, in order: own words and answers. */
export const read = (frame) =>
  frame
    .locator('[role=log] article')
    .evaluateAll((articles) =>
      articles.map((one) => one.querySelector('.bubble .markdown, .bubble .plain')?.textContent ?? ''),
    )

let axe
/** Violations of WCAG A and AA in a frame. */
export async function violations(frame) {
  axe ??= await readFile(
    fileURLToPath(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url)),
    'utf8',
  )
  await frame.evaluate(axe)
  return frame.evaluate(async () => {
    const { violations } = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
    })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`)
  })
}
