import { screen } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { http, problem } from '@app/mock/http'
import { openApp, withMockServer } from '@app/mock/test-app'
import { newWorld, resetWorld } from '@app/mock/world'

const server = withMockServer()

test('an owner sees money with a forecast, who waits, who works and what happened', async () => {
  openApp('/')
  await screen.findByRole('heading', { name: 'Здравствуйте, Анна' })
  expect(await screen.findByText(/Хватит примерно на \d+ (день|дня|дней)/)).toBeVisible()
  expect(await screen.findByRole('link', { name: /Иван Петров/ })).toHaveAttribute(
    'href',
    expect.stringMatching(/^\/chats\//),
  )
  expect(await screen.findByRole('link', { name: /Мария/ })).toBeVisible()
  expect(await screen.findByText('Опубликован нейросотрудник')).toBeVisible()
  expect(screen.queryByText('Ольга, запись на занятия')).not.toBeInTheDocument()
})

test('a new company is told what to do first', async () => {
  resetWorld({ signedIn: true, assistants: [], conversations: [], audit: [] })
  openApp('/')
  expect(await screen.findByText('На смене никого')).toBeVisible()
  expect(await screen.findByText('Никто не ждёт')).toBeVisible()
  expect(await screen.findByText('Событий пока нет')).toBeVisible()
})

test('an action that this page does not know is told in general words', async () => {
  const audit = newWorld()
    .audit.slice(0, 1)
    .map((record) => ({ ...record, action: 'GrowWings' }))
  resetWorld({ signedIn: true, audit })
  openApp('/')
  expect(await screen.findByText('Изменение настроек')).toBeVisible()
})

test('one part that fails leaves the others, and can be tried again', async () => {
  server.use(
    http.get('/api/v1/audit', ({ response }) => response.untyped(problem(400, 'PAGE_TOKEN_INVALID'))),
  )
  openApp('/')
  expect(await screen.findByRole('link', { name: /Иван Петров/ })).toBeVisible()
  const retry = await screen.findByRole('button', { name: 'Попробовать снова' })
  server.resetHandlers()
  await userEvent.click(retry)
  expect(await screen.findByText('Опубликован нейросотрудник')).toBeVisible()
})
