/* Pictures of the widget's states, both themes, 360 and 1280 px: `node browser/shots.mjs FOLDER`. */
import { mkdir } from 'node:fs/promises'
import { frameOf, launch, openChat, say, stage, until } from './harness.mjs'

const [folder = 'shots'] = process.argv.slice(2)
await mkdir(folder, { recursive: true })
const browser = await launch()
const SIZES = { 360: { width: 360, height: 740 }, 1280: { width: 1280, height: 800 } }
const phone = { hasTouch: true, isMobile: true, deviceScaleFactor: 2 }

for (const [width, viewport] of Object.entries(SIZES)) {
  for (const scheme of ['light', 'dark']) {
    const context = { viewport, colorScheme: scheme, ...(width === '360' && phone) }
    const set = await stage(browser, { context })
    const page = await set.visit()
    const shoot = (name) => page.screenshot({ path: `${folder}/${name}-${width}-${scheme}.png` })
    await shoot('closed')
    const frame = await openChat(page)
    await shoot('greeting')
    await say(frame, 'Сколько стоит доставка и можно ли вернуть чай?')
    await frame.getByText('курьером').waitFor()
    await shoot('streaming')
    await until(async () => (await frame.locator('.sources').count()) > 0)
    await frame.getByRole('button', { name: /^Источник 1/ }).click()
    await shoot('answered')
    set.mock.dialogues.operator(
      set.mock.dialogues.only(),
      'Здравствуйте, это Анна. Заказ 4812 уже у курьера, он будет с 10 до 14.',
    )
    await frame.getByText('это Анна').waitFor()
    set.mock.down = true
    set.mock.cut()
    await say(frame, 'Спасибо! А если меня не будет дома?')
    await frame.getByText('Нет связи').waitFor()
    await shoot('operator-offline')
    await set.close()
  }
}
for (const [name, config] of Object.entries({
  yellow: { accent: '#ffd400', scheme: 'light' },
  navy: {
    accent: '#10205a',
    scheme: 'dark',
    side: 'left',
    locale: 'en',
    title: 'The Tea Shop',
    greeting: '',
  },
  known: { requireIdentity: true },
})) {
  const set = await stage(browser, { config, context: { viewport: SIZES[1280] } })
  const page = await set.visit()
  await openChat(page)
  await frameOf(page)
  await page.screenshot({ path: `${folder}/${name}.png` })
  await set.close()
}
await browser.close()
