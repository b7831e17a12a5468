import AxeBuilder from '@axe-core/playwright'
import { expect, test, type Page } from '@playwright/test'
import { fileURLToPath } from 'node:url'
import type { Theme } from './test'

/** The widths that every screen is made for, in pixels. */
const WIDTHS = [360, 768, 1280]
const SHOTS = fileURLToPath(new URL('../../dist/e2e/shots', import.meta.url))
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/**
 * Looks at the screen that is open: no violation of A or AA in either theme, nothing that scrolls the page sideways, and
 * a picture at each width. The pictures are kept in `web/dist/e2e/shots`.
 */
export async function look(page: Page, name: string): Promise<void> {
  await test.step(`look at ${name}`, async () => {
    const before = page.viewportSize()
    for (const theme of ['dark', 'light'] as const) {
      await wear(page, theme)
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: width === 360 ? 740 : 800 })
        await fits(page, `${name} at ${width} px`)
        await accessible(page, `${name} at ${width} px, ${theme}`)
        await page.screenshot({ path: `${SHOTS}/${name}-${width}-${theme}.png`, animations: 'disabled' })
      }
    }
    if (before) await page.setViewportSize(before)
  })
}

/** Keeps a picture of one step of a walk. */
export async function step(page: Page, walk: string, number: number, what: string): Promise<void> {
  const at = String(number).padStart(2, '0')
  await page.screenshot({ path: `${SHOTS}/${walk}-${at}-${what}.png`, animations: 'disabled' })
}

async function wear(page: Page, theme: Theme): Promise<void> {
  await page.evaluate((named) => {
    document.documentElement.dataset['theme'] = named
  }, theme)
}

/** No violation of WCAG 2.2 A or AA. */
export async function accessible(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze()
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id}: ${node.target.join(' ')} ${node.any[0]?.message ?? ''}`),
  )
  expect(told, `axe: ${what}`).toEqual([])
}

async function fits(page: Page, what: string): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  expect(over, `${what}: scrolls sideways by so many pixels`).toBeLessThanOrEqual(0)
}
