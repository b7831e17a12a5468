import { http as anyHttp, HttpResponse } from 'msw'
import { screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { PASSWORD, problem } from '@neipix/shell/mock'
import { beforeEach, describe, expect, test } from 'vitest'
import { openPanel, withMockServer } from '@admin/mock/test-panel'
import { resetWorld, world } from '@admin/mock/world'

const server = withMockServer()

// jsdom scrolls nothing.
beforeEach(() => {
  HTMLElement.prototype.scrollTo = () => undefined
  HTMLElement.prototype.scrollIntoView = () => undefined
  window.scrollTo = () => undefined
})

const navigation = () => screen.findAllByRole('navigation')
const sections = async () =>
  within((await navigation())[0]!)
    .getAllByRole('link')
    .map((link) => link.textContent)

describe('the guard', () => {
  test('a guest is led to the log-in, and after it to the place they wanted', async () => {
    resetWorld({ signedIn: false })
    const router = openPanel('/users?staff=true')
    await waitFor(() => expect(router.state.location.pathname).toBe('/login'))
    expect(router.state.location.search).toEqual({ next: '/users?staff=true' })
    expect(screen.queryByRole('navigation')).not.toBeInTheDocument()
    const person = userEvent.setup()
    await person.type(screen.getByLabelText('Почта'), 'root@neipix.example')
    await person.type(screen.getByLabelText('Пароль'), PASSWORD)
    await person.click(screen.getByRole('button', { name: 'Войти' }))
    await waitFor(() => expect(router.state.location.href).toBe('/users?staff=true'))
    expect(await screen.findByText('Сотрудники')).toBeInTheDocument()
  })

  test('the log-in asks for the surface of staff', async () => {
    resetWorld({ signedIn: false })
    const asked: unknown[] = []
    server.use(
      anyHttp.post('*/api/v1/auth/login', async ({ request }) => {
        asked.push(await request.json())
        return problem(403, 'SURFACE_FORBIDDEN')
      }),
    )
    openPanel('/login')
    const person = userEvent.setup()
    await person.type(await screen.findByLabelText('Почта'), 'owner@neipix.example')
    await person.type(screen.getByLabelText('Пароль'), PASSWORD)
    await person.click(screen.getByRole('button', { name: 'Войти' }))
    expect(await screen.findByText('С этой учётной записью сюда не войти.')).toBeInTheDocument()
    expect(asked).toEqual([expect.objectContaining({ surface: 'SURFACE_ADMIN', rememberMe: false })])
  })

  test.each(['//evil.example/', '/\\evil.example', 'https://evil.example', '/login', '/\tevil'])(
    'a next of %j is forgotten',
    async (next) => {
      const router = openPanel(`/login?next=${encodeURIComponent(next)}`)
      await waitFor(() => expect(router.state.location.pathname).toBe('/users'))
    },
  )

  test('signing out leads to the log-in without a place to return to', async () => {
    const router = openPanel('/audit')
    const person = userEvent.setup()
    await person.click((await screen.findAllByRole('button', { name: /тема, язык, выход/ }))[0]!)
    await person.click(await screen.findByRole('menuitem', { name: 'Выйти' }))
    await waitFor(() => expect(router.state.location.href).toBe('/login'))
    expect(world.signedIn).toBe(false)
  })
})

describe('roles', () => {
  test('a superadmin sees all sections', async () => {
    openPanel('/')
    expect(await sections()).toEqual(['Пользователи', 'Аудит'])
  })

  test('support sees users only; another address says that there is no access', async () => {
    resetWorld({ role: 'SUPPORT' })
    openPanel('/audit')
    expect(await sections()).toEqual(['Пользователи'])
    expect(await screen.findByText('У вас нет доступа к этому разделу')).toBeInTheDocument()
    expect(screen.getByText('Доступ даёт суперадминистратор.')).toBeInTheDocument()
  })

  test('a role without sections is told so', async () => {
    resetWorld({ role: 'CONTENT' })
    openPanel('/')
    expect(await screen.findByText('Для вашей роли здесь пока нет разделов')).toBeInTheDocument()
  })
})

const rows = () =>
  waitFor(() => {
    const found = screen.getAllByRole('row').filter((row) => row.hasAttribute('data-index'))
    expect(found).not.toHaveLength(0)
    return found
  })

describe('users', () => {
  test('the order of a column is asked of the server and kept in the address', async () => {
    const router = openPanel('/users')
    const person = userEvent.setup()
    await person.click(await screen.findByRole('button', { name: 'Баланс' }))
    await waitFor(() => expect(router.state.location.search).toEqual({ order: 'available_micro_pix desc' }))
    await waitFor(async () => expect((await rows())[0]).toHaveTextContent('person250@'))
  })

  test('a search waits for a pause, goes to the address and narrows the table', async () => {
    const router = openPanel('/users')
    const person = userEvent.setup()
    await rows()
    await person.type(screen.getByRole('searchbox', { name: 'Почта или имя' }), 'person249')
    await waitFor(() => expect(router.state.location.search).toEqual({ q: 'person249' }))
    await waitFor(async () => expect(await rows()).toHaveLength(1))
  })

  test('one letter is not searched for', async () => {
    openPanel('/users?q=a')
    await rows()
    expect(screen.getByText('Введите хотя бы две буквы')).toBeInTheDocument()
  })

  test('nobody found: the filter can be dropped', async () => {
    const router = openPanel('/users?q=nobody-at-all&staff=true')
    const person = userEvent.setup()
    await screen.findByText('Никого не нашлось')
    await person.click(screen.getByRole('button', { name: 'Сбросить фильтр' }))
    await waitFor(() => expect(router.state.location.search).toEqual({}))
    expect(await rows()).not.toHaveLength(0)
    expect(screen.getByRole('searchbox')).toHaveValue('')
  })

  test('a search that fits too many asks for more letters', async () => {
    server.use(anyHttp.get('*/api/v1/admin/users', () => problem(400, 'SEARCH_TOO_BROAD')))
    openPanel('/users?q=an')
    expect(await screen.findByText('Слишком много совпадений')).toBeInTheDocument()
  })

  test('a failure offers another try', async () => {
    let works = false
    server.use(
      anyHttp.get('*/api/v1/admin/users', () =>
        works
          ? HttpResponse.json({ users: world.users.slice(0, 3), nextPageToken: '' })
          : problem(400, 'INTERNAL'),
      ),
    )
    openPanel('/users')
    const person = userEvent.setup()
    const again = await screen.findByRole('button', { name: 'Попробовать снова' })
    works = true
    await person.click(again)
    expect(await rows()).toHaveLength(3)
  })

  test('a row opens its user by keyboard, with the way to the audit of their company', async () => {
    const router = openPanel('/users')
    const person = userEvent.setup()
    const [first] = await rows()
    first!.focus()
    await person.keyboard('{Enter}')
    const sheet = await screen.findByRole('dialog')
    expect(within(sheet).getByText('1 компания')).toBeInTheDocument()
    await person.click(within(sheet).getByRole('link', { name: 'Аудит компании' }))
    await waitFor(() => expect(router.state.location.pathname).toBe('/audit'))
    expect(router.state.location.search).toEqual({ workspace: world.users[0]!.workspaces[0]!.id })
  })
})

describe('audit', () => {
  test('something that is no id is refused at the field and asks nothing', async () => {
    const router = openPanel('/audit')
    const person = userEvent.setup()
    await person.type(await screen.findByLabelText('Компания'), 'Ромашка{Enter}')
    expect(
      await screen.findByText('Это не идентификатор: он есть в карточке пользователя'),
    ).toBeInTheDocument()
    expect(router.state.location.search).toEqual({})
  })

  test('an action narrows the records', async () => {
    openPanel('/audit?action=TestProvider')
    expect((await rows())[0]).toHaveTextContent('ProviderService/TestProvider')
    expect(screen.queryByText('PriceService/CreatePrice')).not.toBeInTheDocument()
  })
})

test('⌘K finds a section, also under a Russian layout', async () => {
  const router = openPanel('/users')
  const person = userEvent.setup()
  await rows()
  await person.keyboard('{Control>}[KeyK]{/Control}')
  const box = await screen.findByRole('combobox')
  await person.type(box, 'Аудит{Enter}')
  await waitFor(() => expect(router.state.location.pathname).toBe('/audit'))
})
