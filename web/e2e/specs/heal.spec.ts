import { expect, signIn, test } from '../harness/test'
import { readyWorkspace } from '../harness/workspace'

const ANSWER = 'Доставка по Москве стоит 350 рублей и занимает один день [1].'

test('a reload in the middle of an answer shows it whole and once', async ({ product, visit }) => {
  const workspace = await readyWorkspace(product)
  const hold = product.model.answer('Сколько за доставку?', { text: ANSWER, holdBefore: 4 })
  const { page } = await visit()
  await signIn(page, product, 'app', workspace.owner)
  const asked = workspace.call<{ conversationId: string }>('POST', '/api/v1/channels/api/messages', {
    assistantId: workspace.assistant,
    contactExternalId: 'c-1',
    externalId: 'm-1',
    text: 'Сколько за доставку?',
    waitSeconds: 0,
  })
  const { conversationId } = await asked
  await page.goto(`${product.origin('app')}/chats/${conversationId}`)
  await hold.reached
  await expect(page.getByText(/Сколько за доставку/u).last()).toBeVisible()
  await page.reload()
  await expect(page.getByText(/Сколько за доставку/u).last()).toBeVisible()
  hold.go()
  const log = page.getByRole('log')
  await expect(log.getByText(/занимает один день/u)).toHaveCount(1)
  await expect(log.getByText('Сколько за доставку?')).toHaveCount(1)
})

test('a network cut of thirty seconds in the middle of an answer heals by itself', async ({
  product,
  visit,
}) => {
  test.setTimeout(150_000)
  const workspace = await readyWorkspace(product)
  const hold = product.model.answer('Сколько за доставку?', { text: ANSWER, holdBefore: 4 })
  const { page, road } = await visit()
  await signIn(page, product, 'app', workspace.owner)
  const { conversationId } = await workspace.call<{ conversationId: string }>(
    'POST',
    '/api/v1/channels/api/messages',
    {
      assistantId: workspace.assistant,
      contactExternalId: 'c-1',
      externalId: 'm-1',
      text: 'Сколько за доставку?',
      waitSeconds: 0,
    },
  )
  await page.goto(`${product.origin('app')}/chats/${conversationId}`)
  const log = page.getByRole('log')
  await expect(log.getByText('Сколько за доставку?')).toBeVisible()
  await hold.reached
  road.cut()
  await expect(page.getByText(/Связь с сервером прервалась/u)).toBeVisible()
  // The product goes on while nobody sees it.
  hold.go()
  const until = Date.now() + 30_000
  await expect.poll(() => Date.now() >= until, { timeout: 40_000, intervals: [1000] }).toBe(true)
  road.mend()
  await expect(log.getByText(/занимает один день/u)).toHaveCount(1, { timeout: 45_000 })
  await expect(log.getByText('Сколько за доставку?')).toHaveCount(1)
  await expect(page.getByText(/Связь с сервером прервалась/u)).toBeHidden()
})
