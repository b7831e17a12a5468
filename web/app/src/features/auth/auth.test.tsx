import { screen, waitFor } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CODE, PASSWORD } from '@app/mock/account'
import { http, problem } from '@app/mock/http'
import { fill, openApp, withMockServer } from '@app/mock/test-app'
import { resetWorld } from '@app/mock/world'
import { usePending } from './pending'

const server = withMockServer()
beforeEach(() => {
  resetWorld({ signedIn: false })
})
afterEach(() => usePending.setState({ waiting: null, sentAt: 0 }))

async function fillIn(changes: Record<string, string> = {}) {
  const values = {
    'Как вас зовут': 'Анна Смирнова',
    Почта: 'anna@example.ru',
    Пароль: PASSWORD,
    ...changes,
  }
  for (const [label, value] of Object.entries(values)) {
    const field = await screen.findByLabelText(label)
    if (value) await fill(field, value)
  }
  await userEvent.click(screen.getByRole('button', { name: 'Продолжить' }))
}

test('a newcomer registers, types the code and is in', async () => {
  const router = openApp('/register')
  await fillIn()
  await screen.findByText(/на anna@example\.ru/)
  const code = screen.getByLabelText('Код из письма')
  expect(code).toHaveFocus()
  await fill(code, CODE)
  await screen.findByRole('heading', { name: 'Здравствуйте, Анна' })
  expect(router.state.location.href).toBe('/')
  expect(usePending.getState().waiting).toBeNull()
})

test('wrong fields are told in words, the first takes the focus, and nothing is sent', async () => {
  let sent = 0
  server.use(
    http.post('/api/v1/auth/register', () => {
      sent += 1
    }),
  )
  openApp('/register')
  await fillIn({ 'Как вас зовут': '', Почта: 'не почта', Пароль: 'короче' })
  expect(await screen.findByText('От 1 до 100 символов.')).toBeVisible()
  expect(screen.getByText(/в адресе опечатка/)).toBeVisible()
  expect(screen.getByText('От 8 до 200 символов.')).toBeVisible()
  expect(screen.getByLabelText('Как вас зовут')).toHaveFocus()
  expect(sent).toBe(0)
})

test('what the server refuses stands at its field', async () => {
  server.use(
    http.post('/api/v1/auth/register', ({ response }) =>
      response.untyped(problem(400, 'FIELD_INVALID', [{ field: 'email', message: 'must be an address' }])),
    ),
  )
  openApp('/register')
  await fillIn()
  expect(await screen.findByText(/в адресе опечатка/)).toBeVisible()
  expect(screen.getByLabelText('Почта')).toHaveFocus()
})

test('a wrong code says what to do and can be typed anew; letters never get in', async () => {
  openApp('/register')
  await fillIn()
  const code = await screen.findByLabelText('Код из письма')
  await fill(code, '12ab')
  expect(code).toHaveValue('12')
  await userEvent.click(screen.getByRole('button', { name: 'Подтвердить' }))
  expect(await screen.findByText('Нужно шесть цифр из письма.')).toBeVisible()
  await fill(code, '0000')
  expect(await screen.findByText(/Код не подходит или истёк/)).toBeVisible()
  await userEvent.clear(code)
  await fill(code, CODE)
  await screen.findByRole('heading', { name: /Здравствуйте/ })
})

test('the code step outlives a reload, and another code can be asked for', async () => {
  let resent = 0
  server.use(
    http.post('/api/v1/auth/resend-code', ({ response }) => {
      resent += 1
      return response(200).json({})
    }),
  )
  usePending.setState({
    waiting: { registrationId: '019d0000-0000-7000-8000-00000000000a', email: 'anna@example.ru' },
    sentAt: Date.now() - 60_000,
  })
  openApp('/register')
  await userEvent.click(await screen.findByRole('button', { name: 'Отправить код ещё раз' }))
  await screen.findByText(/Отправить ещё раз через/)
  expect(resent).toBe(1)
})

test('a wrong password is told over the form, and the words stay', async () => {
  openApp('/login')
  await fill(await screen.findByLabelText('Почта'), 'anna@example.ru')
  await fill(screen.getByLabelText('Пароль'), 'not it')
  await userEvent.click(screen.getByRole('button', { name: 'Войти' }))
  expect(await screen.findByRole('alert')).toHaveTextContent('Почта и пароль не подходят друг к другу.')
  expect(screen.getByLabelText('Почта')).toHaveValue('anna@example.ru')
})

test('a password can be looked at', async () => {
  openApp('/login')
  const password = await screen.findByLabelText('Пароль')
  expect(password).toHaveAttribute('type', 'password')
  await userEvent.click(screen.getByRole('button', { name: 'Показать пароль' }))
  expect(password).toHaveAttribute('type', 'text')
})

test('without a network the form says so', async () => {
  server.use(http.post('/api/v1/auth/login', ({ response }) => response.untyped(Response.error())))
  openApp('/login')
  await fill(await screen.findByLabelText('Почта'), 'anna@example.ru')
  await fill(screen.getByLabelText('Пароль'), PASSWORD)
  await userEvent.click(screen.getByRole('button', { name: 'Войти' }))
  await waitFor(() => expect(screen.getByRole('alert')).toHaveTextContent('Нет связи с сервером'))
})
