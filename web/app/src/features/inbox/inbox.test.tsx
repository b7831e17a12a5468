import { act, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http } from 'msw'
import { describe, expect, test } from 'vitest'
import { event, find, say } from '@app/mock/chats'
import { problem } from '@app/mock/http'
import { openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'
import { withLayout } from '@app/mock/layout'
import { ROW_PX } from './dialogue-row'

const server = withMockServer()

withLayout()

const list = () => screen.findByRole('list', { name: 'Список диалогов' })
const rows = async () => within(await list()).getAllByRole('link')
const names = async () => (await rows()).map((row) => row.querySelector('span span span')?.textContent)

describe('the list', () => {
  test('shows dialogues by the latest activity, those that wait for a person marked', async () => {
    openApp('/chats')
    expect(await names()).toEqual(['Иван Петров', 'Елена', 'Клиент без имени'])
    const [ivan, , guest] = await rows()
    expect(ivan).toHaveTextContent('Ждёт')
    expect(guest).not.toHaveTextContent('Ждёт')
    expect(within(guest!).getByRole('img', { name: 'Отвечает нейросотрудник' })).toBeInTheDocument()
  })

  test('keeps its filters in the address and reads by them', async () => {
    const router = openApp('/chats?status=open')
    expect(await names()).toEqual(['Клиент без имени'])
    await userEvent.click(screen.getByRole('button', { name: 'Ждут' }))
    await waitFor(async () => expect(await names()).toEqual(['Иван Петров', 'Елена']))
    expect(router.state.location.search).toEqual({ status: 'pending' })
    await userEvent.type(screen.getByRole('searchbox', { name: 'Найти по имени клиента' }), 'елен')
    await waitFor(async () => expect(await names()).toEqual(['Елена']))
    expect(router.state.location.search).toEqual({ status: 'pending', q: 'елен' })
  })

  test('says that nothing fits, and the button resets the filters', async () => {
    openApp('/chats?q=никого')
    await userEvent.click(await screen.findByRole('button', { name: 'Сбросить фильтры' }))
    expect(await names()).toHaveLength(3)
    expect(screen.getByRole('searchbox')).toHaveValue('')
  })

  test('says how the first dialogue comes where there is none', async () => {
    world.conversations = []
    openApp('/chats')
    expect(await screen.findByText('Диалогов пока нет')).toBeInTheDocument()
    expect(screen.getByRole('link', { name: 'К нейросотрудникам' })).toHaveAttribute('href', '/assistants')
  })

  test('offers another try after a failure, and says who gives access without the right', async () => {
    let broken = true
    server.use(
      // The shell asks for those that wait; that answers.
      http.get('*/api/v1/chats', ({ request }) =>
        broken && !request.url.includes('status=') ? problem(400, 'FIELD_INVALID') : undefined,
      ),
    )
    openApp('/chats')
    const again = await screen.findByRole('button', { name: 'Попробовать снова' })
    broken = false
    await userEvent.click(again)
    expect(await names()).toHaveLength(3)
  })

  test('has no rows without the right to read dialogues', async () => {
    world.me.permissions = []
    openApp('/chats')
    expect(await screen.findByText('У вас нет доступа к этому разделу')).toBeInTheDocument()
    expect(screen.queryByRole('searchbox')).not.toBeInTheDocument()
  })

  test('moves a dialogue up by itself when its customer writes, unread until it is opened', async () => {
    openApp('/chats')
    expect((await names())[0]).toBe('Иван Петров')
    const { id } = world.conversations[2]!
    act(
      () => void say(id, { text: 'Есть кто живой?', createTime: new Date(Date.now() + 1000).toISOString() }),
    )
    await waitFor(async () => expect((await names())[0]).toBe('Клиент без имени'))
    const [first] = await rows()
    expect(first).toHaveTextContent('Есть кто живой?')
    expect(within(first!).getByRole('img', { name: 'Не прочитано' })).toBeInTheDocument()
    await userEvent.click(first!)
    await waitFor(async () =>
      expect(within((await rows())[0]!).queryByRole('img', { name: 'Не прочитано' })).not.toBeInTheDocument(),
    )
  })

  test('takes in a dialogue it has never seen, and lets go one that no longer fits', async () => {
    openApp('/chats?status=pending')
    expect(await names()).toHaveLength(2)
    const fresh = { ...world.conversations[0]!, id: '019d0000-0000-7000-8000-0000000000ff' }
    const contact = { id: 'c', displayName: 'Ольга' }
    act(() => event('conversation.opened', { conversation: { ...fresh, contact } }))
    await waitFor(async () => expect(await names()).toContain('Ольга'))
    const ivan = find(world.conversations[0]!.id)!
    act(() =>
      event('handler.changed', {
        conversation: {
          ...ivan,
          status: 'CONVERSATION_STATUS_OPEN',
          handler: 'HANDLER_OPERATOR',
          handlerMemberId: 'somebody',
          handlerEpoch: '3',
        },
      }),
    )
    await waitFor(async () => expect(await names()).not.toContain('Иван Петров'))
  })

  test('draws a few of 10,000 rows and reads the next page near the end', async () => {
    const [one] = world.conversations
    world.conversations = Array.from({ length: 10_000 }, (_, n) => ({
      ...one!,
      id: `019d0000-0000-7000-8000-${String(n).padStart(12, '0')}`,
      contact: { id: `c${n}`, displayName: `Клиент ${n}` },
      updateTime: new Date(Date.UTC(2026, 0, 1) - n * 1000).toISOString(),
    }))
    openApp('/chats')
    expect((await rows()).length).toBeLessThan(40)
    const scroller = (await list()).parentElement!
    act(() => scroller.scrollTo({ top: 45 * ROW_PX }))
    await waitFor(async () => expect((await list()).style.height).toBe(`${100 * ROW_PX}px`))
  })

  test('is walked by J and K, also with Russian letters, but not while somebody types', async () => {
    const router = openApp('/chats')
    await rows()
    const [first, second] = world.conversations
    await userEvent.keyboard('[KeyJ]')
    await waitFor(() => expect(router.state.location.pathname).toBe(`/chats/${first!.id}`))
    await userEvent.keyboard('[KeyJ]')
    await waitFor(() => expect(router.state.location.pathname).toBe(`/chats/${second!.id}`))
    await userEvent.keyboard('[KeyK]')
    await waitFor(() => expect(router.state.location.pathname).toBe(`/chats/${first!.id}`))
    await userEvent.click(screen.getByRole('searchbox'))
    await userEvent.keyboard('j')
    expect(router.state.location.pathname).toBe(`/chats/${first!.id}`)
  })
})
