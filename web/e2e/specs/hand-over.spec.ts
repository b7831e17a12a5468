import { createServer } from 'node:net'
import type { Frame, Page } from '@playwright/test'
import { expect, signIn, test } from '../harness/test'
import { readyWorkspace, type Workspace } from '../harness/workspace'

interface Shop {
  origin: string
  close: () => Promise<void>
}

/** The widget's own demo page. */
interface Demo {
  startShop: (options: { port: number; widget: string; key: string }) => Promise<Shop>
}

interface Widget {
  widget: { key: string }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  const address = server.address()
  await new Promise((done) => server.close(done))
  return typeof address === 'object' && address ? address.port : 0
}

/** A foreign site that embeds the workspace's widget. */
async function openShop(workspace: Workspace, widgetOrigin: string): Promise<Shop> {
  const port = await freePort()
  const origin = `http://shop.localhost:${port}`
  const made = await workspace.call<Widget>('POST', `/api/v1/assistants/${workspace.assistant}/channels`, {
    kind: 'CHANNEL_KIND_WIDGET',
    widget: { origins: [origin] },
  })
  const demo = new URL('../../widget/demo/shop.mjs', import.meta.url)
  const { startShop } = (await import(demo.href)) as Demo
  return startShop({ port, widget: widgetOrigin, key: made.widget.key })
}

async function openChat(page: Page): Promise<Frame> {
  await page.locator('neipix-widget').waitFor({ state: 'attached' })
  await page.locator('#ask').click()
  await expect.poll(() => page.frames().some((frame) => frame.url().includes('/f/'))).toBe(true)
  const frame = page.frames().find((each) => each.url().includes('/f/'))!
  await frame.getByLabel('Сообщение').waitFor()
  return frame
}

const said = (frame: Frame, text: string | RegExp) =>
  frame.getByRole('article').getByText(text).filter({ visible: true }).first()

test('a visitor asks on a foreign page, an operator watches, takes over, answers and returns, the wallet pays once', async ({
  product,
  visit,
}) => {
  const workspace = await readyWorkspace(product)
  const shop = await openShop(workspace, product.origin('widget'))
  const question = 'Сколько стоит доставка?'
  const hold = product.model.answer(question, {
    text: 'Доставка по Москве стоит 350 рублей [1].',
    holdBefore: 3,
  })

  const operator = await visit()
  await signIn(operator.page, product, 'app', workspace.owner)
  await operator.page.goto(`${product.origin('app')}/chats`)

  const visitor = await visit()
  await visitor.page.goto(shop.origin)
  const chat = await openChat(visitor.page)
  await chat.getByLabel('Сообщение').fill(question)
  await chat.getByLabel('Сообщение').press('Enter')
  await hold.reached

  // Both see the words that are there so far.
  await expect(said(chat, /Доставка по Москве/u)).toBeVisible()
  await operator.page.getByRole('link', { name: /Сколько стоит доставка/u }).click()
  await expect(operator.page.getByText(/Доставка по Москве/u).last()).toBeVisible()
  hold.go()
  await expect(said(chat, /350 рублей/u)).toBeVisible()
  await expect(operator.page.getByText(/350 рублей/u).last()).toBeVisible()

  await operator.page.getByRole('button', { name: 'Взять на себя' }).first().click()
  await expect(chat.getByText('Отвечает оператор')).toBeVisible()
  await operator.page.getByLabel('Сообщение клиенту').fill('Добрый день, это Анна. Привезём завтра.')
  await operator.page.keyboard.press('Enter')
  await expect(said(chat, 'Привезём завтра')).toBeVisible()

  await operator.page.getByRole('button', { name: 'Вернуть ИИ' }).click()
  await expect(chat.getByText('Отвечает нейросотрудник').first()).toBeVisible()
  product.model.answer('А вернуть можно?', { text: 'Вернуть можно за 14 дней [1].' })
  await chat.getByLabel('Сообщение').fill('А вернуть можно?')
  await chat.getByLabel('Сообщение').press('Enter')
  await expect(said(chat, /Вернуть можно за 14 дней/u)).toBeVisible()

  // Two answers of the model, two charges, and nothing for the person's words.
  await operator.page.goto(`${product.origin('app')}/wallet`)
  await expect(operator.page.getByRole('row', { name: /Расчёт за ответ/u })).toHaveCount(2)
  await shop.close()
})
