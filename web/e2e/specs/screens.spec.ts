import { look } from '../harness/look'
import { expect, signIn, test } from '../harness/test'
import { askedBy, readyWorkspace } from '../harness/workspace'

test('the screens before the door have no violation in either theme, at any width', async ({
  product,
  visit,
}) => {
  const { page } = await visit()
  for (const name of ['login', 'register'] as const) {
    await page.goto(`${product.origin('app')}/${name}`)
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
    await look(page, `app-${name}`)
  }
})

test('an empty company: each screen says how to begin', async ({ product, visit }) => {
  test.setTimeout(240_000)
  const owner = await product.make({ workspace: 'Чайная' })
  const { page } = await visit()
  await signIn(page, product, 'app', owner)
  for (const [name, path] of [
    ['overview', '/'],
    ['assistants', '/assistants'],
    ['new', '/assistants/new'],
    ['chats', '/chats'],
    ['wallet', '/wallet'],
    ['keys', '/keys'],
    ['missing', '/nothing-here'],
  ] as const) {
    await page.goto(product.origin('app') + path)
    await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible()
    await look(page, `empty-${name}`)
  }
})

test('a company at work: each screen has no violation in either theme, at any width', async ({
  product,
  visit,
}) => {
  test.setTimeout(300_000)
  const workspace = await readyWorkspace(product)
  product.model.answer('Сколько стоит доставка?', { text: 'Доставка по Москве стоит **350 рублей** [1].' })
  const conversation = await askedBy(workspace, 'c-1', 'Сколько стоит доставка?')
  await askedBy(workspace, 'c-2', 'А вернуть можно?')
  const { page } = await visit()
  await signIn(page, product, 'app', workspace.owner)
  const assistant = `/assistants/${workspace.assistant}`
  for (const [name, path] of [
    ['overview', '/'],
    ['assistants', '/assistants'],
    ['instruction', `${assistant}/instruction`],
    ['knowledge', `${assistant}/knowledge`],
    ['channels', `${assistant}/channels`],
    ['test', `${assistant}/test`],
    ['chats', '/chats'],
    ['dialogue', `/chats/${conversation}`],
    ['wallet', '/wallet'],
    ['keys', '/keys'],
  ] as const) {
    await page.goto(product.origin('app') + path)
    await expect(page.getByRole('heading', { level: 1 }).first()).toBeVisible()
    await expect(page.locator('[data-slot="skeleton"]')).toHaveCount(0)
    await look(page, `app-${name}`)
  }
})
