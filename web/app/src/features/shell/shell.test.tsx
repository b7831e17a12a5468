import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, expect, test, vi } from 'vitest'
import { fill, openApp, withMockServer } from '@app/mock/test-app'
import { resetWorld, world } from '@app/mock/world'
import { usePreferences } from '@app/shared/preferences'
import { useLiveState } from '@app/shared/live'
import { QUIET } from './connection-banner'
import { touchedBy } from './live-cache'
import { screenOf } from './screen-change'
import { openWindow } from './state'

withMockServer()
afterEach(() => {
  act(() => openWindow(null))
  usePreferences.setState({ theme: 'system', language: 'ru' })
})

test('⌘K finds a section by another word for it and goes there, with Russian letters on the keyboard too', async () => {
  const router = openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  // The key of K types «л» there.
  const press = new KeyboardEvent('keydown', { key: 'л', code: 'KeyK', ctrlKey: true, cancelable: true })
  act(() => void window.dispatchEvent(press))
  expect(press.defaultPrevented).toBe(true)
  await fill(await screen.findByPlaceholderText(/действие/), 'выписка')
  await userEvent.keyboard('{Enter}')
  await screen.findByRole('heading', { name: 'Баланс' })
  expect(router.state.location.pathname).toBe('/wallet')
})

test('the palette opens an assistant by name', async () => {
  const router = openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  act(() => openWindow('palette'))
  await fill(await screen.findByPlaceholderText(/действие/), 'борис')
  await userEvent.click(await screen.findByRole('option', { name: /Борис/ }))
  await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/assistants\/019d/))
})

test('«?» shows the keys, but not while somebody types', async () => {
  openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  await userEvent.keyboard('?')
  await screen.findByRole('dialog', { name: 'Клавиши' })
  await userEvent.keyboard('{Escape}')
  await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())

  act(() => openWindow('palette'))
  await userEvent.type(await screen.findByPlaceholderText(/действие/), '?')
  expect(screen.queryByRole('dialog', { name: 'Клавиши' })).not.toBeInTheDocument()
})

test('sections and actions that a role may not use are not offered', async () => {
  const me = {
    ...world.me,
    role: 'ROLE_OPERATOR' as const,
    permissions: ['assistants.read', 'chats.read', 'chats.reply'],
  }
  resetWorld({ signedIn: true, me })
  openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  expect(screen.queryByRole('link', { name: 'Баланс' })).not.toBeInTheDocument()
  expect(screen.queryByRole('link', { name: /Создать нейросотрудника/ })).not.toBeInTheDocument()
  act(() => openWindow('palette'))
  const list = await screen.findByRole('listbox')
  expect(within(list).queryByText('Ключи API')).not.toBeInTheDocument()
  expect(within(list).queryByText('Создать нейросотрудника')).not.toBeInTheDocument()
})

test('a person without the right reads who can give it, and the server is not asked', async () => {
  resetWorld({ signedIn: true, me: { ...world.me, permissions: ['chats.read'] } })
  openApp('/wallet')
  expect(await screen.findByText('У вас нет доступа к этому разделу')).toBeVisible()
  expect(screen.queryByText('Доступно')).not.toBeInTheDocument()
})

test('theme and language change at once and are remembered', async () => {
  openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  await userEvent.click(screen.getByRole('button', { name: /Учётная запись/ }))
  await userEvent.click(await screen.findByRole('menuitem', { name: 'Тёмная' }))
  expect(usePreferences.getState().theme).toBe('dark')
  await userEvent.click(screen.getByRole('menuitem', { name: 'English' }))
  expect(JSON.parse(window.localStorage.getItem('npx:preferences') ?? '')).toMatchObject({
    state: { theme: 'dark', language: 'en' },
  })
})

test('a lost network is told at once, and the word goes when it is back', async () => {
  openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  act(() => void window.dispatchEvent(new Event('offline')))
  expect(screen.getByText(/Нет связи с интернетом/)).toBeVisible()
  online.mockReturnValue(true)
  act(() => void window.dispatchEvent(new Event('online')))
  expect(screen.queryByText(/Нет связи с интернетом/)).not.toBeInTheDocument()
})

test('a broken live connection is told within three seconds, a short break is not', async () => {
  expect(QUIET).toBeLessThan(3000)
  openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  await waitFor(() => expect(useLiveState.getState().is).toBe('live'))
  act(() => useLiveState.setState({ is: 'waiting' }, true))
  expect(screen.queryByText(/Связь с сервером прервалась/)).not.toBeInTheDocument()
  expect(await screen.findByText(/Связь с сервером прервалась/, {}, { timeout: 3000 })).toBeVisible()
  act(() => useLiveState.setState({ is: 'live' }, true))
  expect(screen.queryByText(/Связь с сервером прервалась/)).not.toBeInTheDocument()
})

test('after a change of screen the focus is on its title and the page has its name', async () => {
  openApp('/')
  await screen.findByRole('heading', { name: /Здравствуйте/ })
  const [nav] = screen.getAllByRole('navigation', { name: 'Разделы' })
  await userEvent.click(within(nav!).getByRole('link', { name: 'Баланс' }))
  const title = await screen.findByRole('heading', { name: 'Баланс' })
  await waitFor(() => expect(title).toHaveFocus())
  expect(document.title).toBe('Баланс · Neipix')
})

test('tabs of one assistant and dialogues of the inbox are one screen each', () => {
  expect(screenOf('/assistants/1/instruction')).toBe(screenOf('/assistants/1/test'))
  expect(screenOf('/assistants/1/test')).not.toBe(screenOf('/assistants/2/test'))
  expect(screenOf('/chats/1')).toBe(screenOf('/chats'))
  expect(screenOf('/')).not.toBe(screenOf('/wallet'))
})

test('an event makes old what it touches, and nothing else', () => {
  expect(touchedBy('wallet.changed')).toHaveLength(2)
  expect(touchedBy('assistant.published')).toHaveLength(1)
  expect(touchedBy('handler.changed')).toEqual([['waiting']])
  expect(touchedBy('turn.settled')).toEqual([])
})
