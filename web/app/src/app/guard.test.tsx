import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { expect, test } from 'vitest'
import { PASSWORD } from '@app/mock/account'
import { http, problem } from '@app/mock/http'
import { fill, openApp, withMockServer } from '@app/mock/test-app'
import { resetWorld, world } from '@app/mock/world'
import { api } from '@app/shared/api'

const server = withMockServer()

async function logIn() {
  await fill(await screen.findByLabelText('Почта'), 'anna@example.ru')
  await fill(screen.getByLabelText('Пароль'), PASSWORD)
  await userEvent.click(screen.getByRole('button', { name: 'Войти' }))
}

test('a guest is led to the log-in, nothing guarded is drawn or asked for, and they land where they wanted', async () => {
  resetWorld({ signedIn: false })
  const asked: string[] = []
  server.events.on('request:start', ({ request }) => asked.push(new URL(request.url).pathname))
  const router = openApp('/wallet?kind=settle')
  await screen.findByRole('heading', { name: 'С возвращением' })
  expect(router.state.location.search).toEqual({ next: '/wallet?kind=settle' })
  expect(screen.queryByRole('navigation')).not.toBeInTheDocument()
  expect(asked.every((path) => path === '/api/v1/auth/refresh')).toBe(true)

  await logIn()
  await screen.findByRole('heading', { name: 'Баланс' })
  expect(router.state.location.href).toBe('/wallet?kind=settle')
})

test.each(['//evil.example', '/\\evil.example', 'https://evil.example', '/%09/evil.example'])(
  'a hostile next %s is dropped',
  async (next) => {
    resetWorld({ signedIn: false })
    const router = openApp(`/login?next=${encodeURIComponent(decodeURIComponent(next))}`)
    await logIn()
    await screen.findByRole('heading', { name: /Здравствуйте/ })
    expect(router.state.location.href).toBe('/')
  },
)

test('a signed-in person does not see the log-in', async () => {
  const router = openApp('/login?next=%2Fkeys')
  await screen.findByRole('heading', { name: 'Ключи API' })
  expect(router.state.location.pathname).toBe('/keys')
})

test('where it cannot be known who is here, nobody is signed out: the failure is shown with another try', async () => {
  server.use(
    http.post('/api/v1/auth/refresh', ({ response }) => response.untyped(problem(503, 'UNAVAILABLE'))),
  )
  const router = openApp('/wallet')
  await screen.findByRole('alert')
  expect(router.state.location.pathname).toBe('/wallet')

  server.resetHandlers()
  await userEvent.click(screen.getByRole('button', { name: 'Попробовать снова' }))
  await screen.findByRole('heading', { name: 'Баланс' })
})

test('a session that ends mid-work returns to the same place after the log-in', async () => {
  const router = openApp('/wallet?period=7d')
  await screen.findByRole('heading', { name: 'Баланс' })
  await screen.findAllByText('Расчёт за ответ')

  world.signedIn = false
  server.use(
    http.get(
      '/api/v1/billing/statement',
      ({ response }) => response.untyped(problem(401, 'SESSION_REVOKED')),
      {
        once: true,
      },
    ),
  )
  await userEvent.click(screen.getByRole('button', { name: '30 дней' }))
  await screen.findByRole('heading', { name: 'С возвращением' })
  expect(router.state.location.search).toEqual({ next: '/wallet?period=30d' })

  await logIn()
  await screen.findByRole('heading', { name: 'Баланс' })
  expect(router.state.location.href).toBe('/wallet?period=30d')
  expect(screen.getByRole('button', { name: '30 дней' })).toHaveAttribute('aria-pressed', 'true')
})

test('signing out ends the session on the server and leaves no place behind', async () => {
  const router = openApp('/wallet')
  await screen.findByRole('heading', { name: 'Баланс' })
  await userEvent.click(screen.getByRole('button', { name: /Учётная запись/ }))
  await userEvent.click(await screen.findByRole('menuitem', { name: 'Выйти' }))
  await screen.findByRole('heading', { name: 'С возвращением' })
  await waitFor(() => expect(router.state.status).toBe('idle'))
  expect(router.state.location.href).toBe('/login')
  expect(world.signedIn).toBe(false)
  expect(api.session.signedIn).toBe(false)
})

test('an address that is no screen says so, with the sections around it', async () => {
  openApp('/no/such/screen')
  await screen.findByRole('heading', { name: 'Такой страницы нет' })
  expect(screen.getAllByRole('navigation', { name: 'Разделы' }).length).toBeGreaterThan(0)
})
