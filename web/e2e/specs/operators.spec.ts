import type { Page } from '@playwright/test'
import { expect, signIn, test } from '../harness/test'
import { askedBy, readyWorkspace } from '../harness/workspace'

/** What a dialogue shows, in order. */
const shown = (page: Page) => page.getByRole('log').getByRole('article').allInnerTexts()

test('two operators in two browsers never differ', async ({ product, visit }) => {
  const workspace = await readyWorkspace(product)
  product.model.answer('Сколько стоит доставка?', { text: 'Доставка стоит 350 рублей.' })
  const conversation = await askedBy(workspace, 'c-1', 'Сколько стоит доставка?')
  const people = await Promise.all(
    ['Анна', 'Борис'].map((name) =>
      product.make({ name, join: workspace.owner.workspaceId, role: 'ROLE_OPERATOR' }),
    ),
  )
  const pages: Page[] = []
  for (const person of people) {
    const { page } = await visit()
    await signIn(page, product, 'app', person)
    await page.goto(`${product.origin('app')}/chats/${conversation}`)
    await expect(page.getByRole('log').getByText(/350 рублей/u)).toBeVisible()
    pages.push(page)
  }
  const [anna, boris] = pages as [Page, Page]

  await anna.getByRole('button', { name: 'Взять на себя' }).first().click()
  await expect(anna.getByText('Отвечаете вы').first()).toBeVisible()
  await expect(boris.getByText('Отвечает другой оператор').first()).toBeVisible()

  await anna.getByLabel('Сообщение клиенту').fill('Это Анна, здравствуйте.')
  await anna.keyboard.press('Enter')
  await expect(boris.getByRole('log').getByText('Это Анна, здравствуйте.')).toHaveCount(1)

  // Boris takes it from her: she hears of it, and her words do not go out as his.
  await boris.getByRole('button', { name: 'Взять на себя' }).first().click()
  await boris.getByRole('button', { name: 'Забрать диалог' }).click()
  await expect(boris.getByText('Отвечаете вы').first()).toBeVisible()
  await expect(anna.getByText('Диалог взял другой оператор')).toBeVisible()
  await boris.getByLabel('Сообщение клиенту').fill('Борис. Продолжу я.')
  await boris.keyboard.press('Enter')
  await expect(anna.getByRole('log').getByText('Борис. Продолжу я.')).toHaveCount(1)

  await boris.getByRole('button', { name: 'Вернуть ИИ' }).click()
  for (const page of pages) await expect(page.getByText(/Отвечает Марина/u).first()).toBeVisible()

  // What both see is the server's list: a reload changes nothing.
  const before = await Promise.all(pages.map(count))
  expect(before[0]).toBe(before[1])
  await Promise.all(pages.map((page) => page.reload()))
  for (const page of pages) await expect(page.getByRole('log').getByText('Борис. Продолжу я.')).toHaveCount(1)
  expect(await Promise.all(pages.map(count))).toEqual(before)
})

const count = async (page: Page) => (await shown(page)).length
