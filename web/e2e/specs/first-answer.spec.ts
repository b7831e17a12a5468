import type { Page } from '@playwright/test'
import { step } from '../harness/look'
import { codeFor } from '../harness/mailbox'
import { expect, test } from '../harness/test'
import { PASSWORD } from '../harness/product'
import { FILE } from '../harness/workspace'

/** What a person who knows nothing may do at most until their own file answers. */
const MOST = 12

/** Counts what the person does, and keeps a picture of each. */
class Walk {
  private done = 0
  private readonly page: Page

  constructor(page: Page) {
    this.page = page
  }

  async do(what: string, deed: () => Promise<unknown>): Promise<void> {
    this.done += 1
    expect(this.done, `«${what}» is one action too many`).toBeLessThanOrEqual(MOST)
    await deed()
    await step(this.page, 'first-answer', this.done, what)
  }
}

test('from sign-up to an answer about an own file in twelve actions', async ({ product, visit }, info) => {
  const began = Date.now()
  const { page } = await visit()
  const walk = new Walk(page)
  const email = `newcomer${info.workerIndex}-${Date.now()}@romashka.example`
  await page.goto(`${product.origin('app')}/register`)
  await walk.do('name', () => page.getByLabel('Как вас зовут').fill('Анна'))
  await walk.do('email', () => page.getByLabel('Почта').fill(email))
  await walk.do('password', () => page.getByLabel('Пароль', { exact: true }).fill(PASSWORD))
  await walk.do('register', () => page.getByRole('button', { name: 'Продолжить' }).click())
  const code = page.getByLabel('Код из письма')
  await expect(code).toBeVisible()
  const digits = await codeFor(email)
  await walk.do('code', () => code.pressSequentially(digits))
  await walk.do('create', () =>
    page
      .getByRole('link', { name: /^Создать/u })
      .first()
      .click(),
  )
  await walk.do('assistant', () => page.getByRole('textbox', { name: 'Имя' }).fill('Марина'))
  await walk.do('made', () => page.getByRole('button', { name: 'Создать и добавить знания' }).click())
  await expect(page.getByText('Выбрать файлы')).toBeVisible()
  await walk.do('upload', () =>
    page.locator('input[type=file]').setInputFiles({
      name: 'Доставка.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from(FILE),
    }),
  )
  await walk.do('to-question', () =>
    page.getByRole('link', { name: 'Задать вопрос' }).click({ timeout: 60_000 }),
  )
  await walk.do('question', () =>
    page.getByRole('textbox', { name: 'Вопрос' }).fill('Сколько стоит доставка по Москве?'),
  )
  await walk.do('ask', () => page.keyboard.press('Enter'))
  await expect(page.getByText(/350 рублей/u).first()).toBeVisible({ timeout: 30_000 })
  expect(Date.now() - began, 'in under three minutes').toBeLessThan(180_000)
  await step(page, 'first-answer', 13, 'answered')
})
