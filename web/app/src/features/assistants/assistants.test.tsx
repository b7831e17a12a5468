import { configure, fireEvent, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http } from 'msw'
import { describe, expect, test, vi } from 'vitest'
import { problem } from '@app/mock/http'
import { openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'

// A loaded machine may take its time; whether a part can be seen is dear to find out in jsdom, and not what is tested.
vi.setConfig({ testTimeout: 90_000 })
configure({ defaultHidden: true, asyncUtilTimeout: 20_000 })
const server = withMockServer()
const slow = { timeout: 20_000 }
const find = (role: string, name: string | RegExp) => screen.findByRole(role, { name }, slow)

const [FIRST, SECOND] = ['019d0000-0000-7000-8000-000000000065', '019d0000-0000-7000-8000-000000000066']

describe('the list', () => {
  test('shows each assistant with its state; search and status are in the address', async () => {
    const router = openApp('/assistants')
    const list = await find('list', 'Нейросотрудники')
    expect(within(list).getAllByRole('link')).toHaveLength(4)
    expect(within(list).getByRole('link', { name: /Павел/ })).toHaveTextContent('На паузе')
    await userEvent.type(screen.getByRole('searchbox', { name: 'Поиск по имени' }), 'Мария')
    await waitFor(() => expect(screen.queryByRole('link', { name: /Павел/ })).toBeNull(), slow)
    expect(router.state.location.search).toMatchObject({ q: 'Мария' })
    await userEvent.click(screen.getByRole('button', { name: 'Черновики' }))
    await userEvent.click(await find('button', 'Показать всех'))
    expect(await find('link', /Павел/)).toBeInTheDocument()
    expect(screen.getByRole('searchbox', { name: 'Поиск по имени' })).toHaveValue('')
  })

  test('with nobody in it leads to creation', async () => {
    world.assistants.length = 0
    openApp('/assistants')
    expect(await screen.findByText('Здесь будут ваши нейросотрудники', {}, slow)).toBeInTheDocument()
    expect(screen.getAllByRole('link', { name: 'Создать' })[0]).toHaveAttribute('href', '/assistants/new')
  })

  test('that does not load says so and tries again', async () => {
    // Not one that the client repeats by itself.
    server.use(http.get('*/api/v1/assistants', () => problem(400, 'FIELD_INVALID')))
    openApp('/assistants')
    await find('button', 'Попробовать снова')
    server.resetHandlers()
    await userEvent.click(await find('button', 'Попробовать снова'))
    expect(await find('link', /Мария/)).toBeInTheDocument()
  })

  test('without the right to see it says who gives it', async () => {
    world.me.permissions = []
    openApp('/assistants')
    expect(await screen.findByText('У вас нет доступа к этому разделу', {}, slow)).toBeInTheDocument()
    expect(screen.queryByRole('link', { name: 'Создать' })).toBeNull()
  })
})

describe('creation', () => {
  test('takes a name and goes on to the knowledge', async () => {
    const router = openApp('/assistants/new')
    const name = await find('textbox', 'Имя')
    expect(name).toHaveFocus()
    await userEvent.type(name, 'Вера{Enter}')
    await waitFor(() => expect(router.state.location.pathname).toMatch(/^\/assistants\/.+\/knowledge$/), slow)
    expect(world.assistants[0]?.draft).toMatchObject({ name: 'Вера' })
    expect(world.assistants[0]?.draft?.instruction).toContain('{assistant.name}')
    expect(await find('heading', 'Вера')).toBeInTheDocument()
  })

  test('without a name says what is missing and sends nothing', async () => {
    openApp('/assistants/new')
    await userEvent.click(await find('button', 'Создать и добавить знания'))
    expect(await screen.findByText('Дайте имя: без него нельзя.')).toBeInTheDocument()
    expect(await find('textbox', 'Имя')).toHaveFocus()
    expect(world.assistants).toHaveLength(4)
  })

  test('whose answer was lost is repeated under the same key: there is one assistant', async () => {
    const keys: (string | null)[] = []
    server.events.on('request:start', ({ request }) => {
      if (request.method === 'POST' && request.url.endsWith('/assistants'))
        keys.push(request.headers.get('idempotency-key'))
    })
    openApp('/assistants/new')
    const name = await find('textbox', 'Имя')
    server.use(http.post('*/api/v1/assistants', () => problem(503, 'UNAVAILABLE'), { once: true }))
    await userEvent.type(name, 'Вера{Enter}')
    expect(await screen.findByRole('alert')).toHaveTextContent('Сервис сейчас недоступен')
    await userEvent.click(screen.getByRole('button', { name: 'Создать и добавить знания' }))
    await waitFor(() => expect(world.assistants).toHaveLength(5), slow)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })
})

describe('the instruction', () => {
  const instruction = () => screen.findByLabelText<HTMLTextAreaElement>('Инструкция', {}, slow)
  // As one paste: each key draws the whole screen.
  const write = async (text: string) => fireEvent.change(await instruction(), { target: { value: text } })

  test('saves itself after a pause and says so', async () => {
    openApp(`/assistants/${FIRST}/instruction`)
    await write('Ты Мария. Не шути.')
    expect(await screen.findByText('Сохранено', {}, slow)).toBeInTheDocument()
    expect(world.assistants[0]?.draft?.instruction).toMatch(/Не шути\.$/)
  })

  test('names an unknown variable and does not send it', async () => {
    openApp(`/assistants/${FIRST}/instruction`)
    await write('Привет, {client.name}')
    expect(await screen.findByText(/Такой подстановки нет: {client\.name}/)).toBeInTheDocument()
    expect(await screen.findByText('Не сохранено: исправьте поле ниже', {}, slow)).toBeInTheDocument()
    expect(world.assistants[0]?.draft?.instruction).not.toContain('client')
  })

  test('puts a variable where the caret is', async () => {
    openApp(`/assistants/${FIRST}/instruction`)
    const area = await instruction()
    area.setSelectionRange(2, 2)
    await userEvent.click(screen.getByRole('button', { name: 'имя клиента' }))
    expect(area).toHaveValue('Ты{contact.name} Мария, продавец-консультант.')
  })

  test('that somebody else changed too is a choice of two texts', async () => {
    openApp(`/assistants/${FIRST}/instruction`)
    await instruction()
    const [theirs] = world.assistants
    world.assistants[0] = { ...theirs!, etag: '77', draft: { ...theirs!.draft!, instruction: 'Их текст' } }
    await write('Мой текст')
    const alert = await screen.findByRole('alert', {}, slow)
    expect(within(alert).getByRole('region', { name: 'Ваш вариант' })).toHaveTextContent('Мой текст')
    expect(within(alert).getByRole('region', { name: 'Их вариант' })).toHaveTextContent('Их текст')
    expect(world.assistants[0].draft?.instruction).toBe('Их текст')
    await userEvent.click(within(alert).getByRole('button', { name: 'Оставить мой' }))
    await waitFor(() => expect(world.assistants[0]?.draft?.instruction).toBe('Мой текст'), slow)
    expect(screen.queryByText('Их текст')).toBeNull()
  })

  test('is read-only for those who may not change it', async () => {
    world.me.permissions = ['assistants.read']
    openApp(`/assistants/${FIRST}/instruction`)
    expect(await instruction()).toHaveAttribute('readonly')
    expect(screen.getByText('Менять инструкцию могут владелец и менеджер компании.')).toBeInTheDocument()
    expect(screen.queryByRole('button', { name: 'Приостановить' })).toBeNull()
  })
})

describe('publishing', () => {
  test('shows what changes for customers, then freezes it', async () => {
    openApp(`/assistants/${SECOND}/instruction`)
    await userEvent.click(await find('button', 'Опубликовать'))
    const dialog = await find('dialog', 'Опубликовать версию 3')
    expect(
      await within(dialog).findByText('Ты Борис, поддержка доставки. Отвечай кратко.'),
    ).toBeInTheDocument()
    expect(within(dialog).getByText('Ты Борис, поддержка доставки.')).toBeInTheDocument()
    await userEvent.click(await within(dialog).findByRole('button', { name: 'Опубликовать' }))
    expect(await screen.findByText('Версия 3 отвечает клиентам.', {}, slow)).toBeInTheDocument()
    expect(world.assistants[1]).toMatchObject({ publishedVersion: 3, unpublishedChanges: false })
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Опубликовать' })).toBeNull())
  })

  test('takes along what was typed a moment ago', async () => {
    openApp(`/assistants/${SECOND}/instruction`)
    fireEvent.change(await screen.findByLabelText('Имя', {}, slow), {
      target: { value: 'Борис, поддержка доставки!' },
    })
    await userEvent.click(screen.getByRole('button', { name: 'Опубликовать' }))
    const dialog = await find('dialog', 'Опубликовать версию 3')
    expect(await within(dialog).findByText('Борис, поддержка доставки!', {}, slow)).toBeInTheDocument()
  })

  test('waits while the draft cannot be saved', async () => {
    openApp(`/assistants/${SECOND}/instruction`)
    fireEvent.change(await screen.findByLabelText('Имя', {}, slow), { target: { value: '' } })
    await userEvent.click(screen.getByRole('button', { name: 'Опубликовать' }))
    const dialog = await find('dialog', 'Опубликовать версию 3')
    expect(await within(dialog).findByRole('alert')).toHaveTextContent('публиковать рано')
    expect(within(dialog).getByRole('button', { name: 'Опубликовать' })).toBeDisabled()
  })

  test('a pause silences, and its end brings the assistant back', async () => {
    openApp(`/assistants/${FIRST}/instruction`)
    await userEvent.click(await find('button', 'Приостановить'))
    await userEvent.click(await find('button', 'Возобновить'))
    expect(await find('button', 'Приостановить')).toBeInTheDocument()
    expect(world.assistants[0]?.status).toBe('ASSISTANT_STATUS_PUBLISHED')
  })
})
