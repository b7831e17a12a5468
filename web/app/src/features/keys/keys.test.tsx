import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { http, problem } from '@app/mock/http'
import { fill, openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'

const server = withMockServer()

async function openForm() {
  openApp('/keys')
  await userEvent.click(await screen.findByRole('button', { name: 'Создать ключ' }))
  return screen.findByRole('dialog', { name: 'Новый ключ' })
}

test('a key is made with its rights, and its secret is shown once', async () => {
  const form = await openForm()
  await fill(within(form).getByLabelText('Название'), 'Бот на сайте')
  await userEvent.click(within(form).getByRole('checkbox', { name: 'Читать диалоги' }))
  await userEvent.click(within(form).getByRole('button', { name: 'Создать ключ' }))
  const done = await screen.findByRole('dialog', { name: 'Ключ создан' })
  expect(within(done).getByLabelText('Ключ')).toHaveValue(`npk_Ab3xYz12_${'s'.repeat(43)}`)
  expect(world.keys[0]).toMatchObject({
    name: 'Бот на сайте',
    permissions: ['chats.ask', 'chats.read'],
    assistantId: '',
  })
  await userEvent.click(within(done).getByRole('button', { name: 'Я сохранил ключ' }))
  await waitFor(() => expect(screen.queryByDisplayValue(/npk_Ab3xYz12_s/)).not.toBeInTheDocument())
  expect(await screen.findByText('Бот на сайте')).toBeVisible()
})

test('a key without a name or without rights is not made', async () => {
  const form = await openForm()
  await userEvent.click(within(form).getByRole('checkbox', { name: 'Задавать вопросы' }))
  await userEvent.click(within(form).getByRole('button', { name: 'Создать ключ' }))
  expect(await within(form).findByText('От 1 до 100 символов.')).toBeVisible()
  expect(within(form).getByText('Выберите хотя бы одно.')).toBeVisible()
  expect(world.keys).toHaveLength(2)
})

test('a limit is told over the form, and what was typed stays', async () => {
  server.use(http.post('/api/v1/api-keys', ({ response }) => response.untyped(problem(409, 'API_KEY_LIMIT'))))
  const form = await openForm()
  await fill(within(form).getByLabelText('Название'), 'Лишний')
  await userEvent.click(within(form).getByRole('button', { name: 'Создать ключ' }))
  expect(await within(form).findByRole('alert')).toHaveTextContent(/Ключей уже столько/)
  expect(within(form).getByLabelText('Название')).toHaveValue('Лишний')
})

test('a key is revoked after a question', async () => {
  openApp('/keys')
  await userEvent.click(await screen.findByRole('button', { name: 'Отозвать' }))
  const question = await screen.findByRole('alertdialog')
  expect(question).toHaveTextContent('Отозвать ключ «Сайт»?')
  await userEvent.click(within(question).getByRole('button', { name: 'Отозвать' }))
  await waitFor(() => expect(world.keys[0]!.revokeTime).toBeDefined())
  await waitFor(() => expect(screen.queryByRole('button', { name: 'Отозвать' })).not.toBeInTheDocument())
})
