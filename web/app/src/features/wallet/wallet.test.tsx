import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { http, problem } from '@app/mock/http'
import { openApp, withMockServer } from '@app/mock/test-app'
import { resetWorld } from '@app/mock/world'
import { periodStart, statementSearch } from './filters'

const server = withMockServer()

test('filters stand in the address, and a link with them shows the same', async () => {
  const router = openApp('/wallet?kind=grant')
  expect(await screen.findByText('Подарок Neipix', { selector: 'td *, td' })).toBeVisible()
  expect(screen.queryByText('Расчёт за ответ', { selector: 'td' })).not.toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: '30 дней' }))
  await waitFor(() => expect(router.state.location.search).toEqual({ kind: 'grant', period: '30d' }))
})

test('what an address says in vain is left out', () => {
  expect(
    statementSearch({ kind: 'toString', period: '1y', turn: '../../x', open: 5, next: '//evil' }),
  ).toEqual({})
  const turn = '019d0000-0000-7000-8000-000000000258'
  expect(statementSearch({ kind: 'hold', period: '7d', turn })).toEqual({ kind: 'hold', period: '7d', turn })
})

test('a period begins at midnight, so that its pages belong together', () => {
  const morning = periodStart('7d', new Date(2026, 10, 30, 8, 15))
  expect(morning).toBe(periodStart('7d', new Date(2026, 10, 30, 23, 59)))
  expect(new Date(morning)).toEqual(new Date(2026, 10, 23))
})

test('a row opens what it cost, and leads to all operations of that answer', async () => {
  const router = openApp('/wallet?kind=settle')
  const [row] = await screen.findAllByText('Расчёт за ответ', { selector: 'td *, td' })
  await userEvent.click(row!)
  const sheet = await screen.findByRole('dialog', { name: 'Операция' })
  expect(await within(sheet).findByText('gpt-5-mini')).toBeVisible()
  expect(within(sheet).getByText(/7,412345/)).toBeVisible()
  await userEvent.click(within(sheet).getByRole('button', { name: 'Все операции этого ответа' }))
  await waitFor(() => expect(router.state.location.search).toEqual({ turn: expect.stringMatching(/^019d/) }))
})

test('the next page is asked for by the token of the former', async () => {
  const tokens: (string | null)[] = []
  server.events.on('request:start', ({ request }) => {
    const url = new URL(request.url)
    if (url.pathname === '/api/v1/billing/statement' && url.searchParams.get('pageSize') === '50')
      tokens.push(url.searchParams.get('pageToken'))
  })
  openApp('/wallet')
  await screen.findAllByText('Расчёт за ответ')
  const more = screen.queryByRole('button', { name: 'Показать ещё' })
  if (more) await userEvent.click(more)
  await waitFor(() => expect(tokens).toContain('50'))
  expect(tokens[0]).toBeNull()
})

test('nothing under the filters offers to reset them; an empty wallet says what will come', async () => {
  resetWorld({ signedIn: true, transfers: [] })
  const router = openApp('/wallet?kind=refund')
  await userEvent.click(await screen.findByRole('button', { name: 'Сбросить фильтры' }))
  expect(await screen.findByText('Операций пока нет')).toBeVisible()
  expect(router.state.location.search).toEqual({})
})

test('a statement that fails shows the number for support and another try', async () => {
  server.use(
    http.get('/api/v1/billing/statement', ({ response }) =>
      response.untyped(problem(400, 'PAGE_TOKEN_INVALID')),
    ),
  )
  openApp('/wallet')
  expect(await screen.findByText('0af7651916cd43dd8448eb211c80319c')).toBeVisible()
  server.resetHandlers()
  await userEvent.click(screen.getByRole('button', { name: 'Попробовать снова' }))
  expect((await screen.findAllByText('Расчёт за ответ')).length).toBeGreaterThan(0)
})
