import { act, cleanup, screen, waitFor, within } from '@testing-library/react'
import { userEvent as users } from '@testing-library/user-event'
import { http, HttpResponse } from 'msw'
import { expect, test } from 'vitest'
import { dialogues, edit, event, find, hand, say } from '@app/mock/chats'
import { problem } from '@app/mock/http'
import { withLayout } from '@app/mock/layout'
import { tell } from '@app/mock/socket'
import { openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'

const server = withMockServer()
const userEvent = users.setup({ pointerEventsCheck: 0, delay: null })
withLayout()

const id = () => world.conversations[0]!.id
const me = () => world.me.user!.id
const log = () => screen.findByRole('log', { name: 'Сообщения' })
const field = () => screen.findByRole('textbox', { name: 'Сообщение клиенту' })
const bubbles = async () => within(await log()).getAllByRole('article')
const who = async () =>
  (await log()).closest('[data-slot="dialogue"]')!.querySelector('[data-slot="who-answers"]')!.textContent
/** At once, as from a clipboard: one press a letter takes seconds in a whole screen. */
const write = async (text: string) => {
  await userEvent.click(await field())
  await userEvent.paste(text)
}
const TURN = '019d0000-0000-7000-b000-000000000001'

/** Opens the first dialogue; held by the person. */
async function hold() {
  Object.assign(world.conversations[0]!, {
    status: 'CONVERSATION_STATUS_OPEN',
    handler: 'HANDLER_OPERATOR',
    handlerMemberId: me(),
  })
  const router = openApp(`/chats/${id()}`)
  await field()
  return router
}

test('an answer is on the screen as it is written, and becomes one message in its place', async () => {
  openApp(`/chats/${id()}`)
  await bubbles()
  act(() => {
    event('turn.started', { turn: turn('TURN_STATE_ANSWERING') })
    tell({ t: 'partial', turn: TURN, conversation: id(), text: 'Доставим', offset: 16 })
  })
  expect(await within(await log()).findByText('Доставим')).toBeInTheDocument()
  const began = performance.now()
  act(() => tell({ t: 'delta', turn: TURN, conversation: id(), text: ' завтра', offset: 16 }))
  expect(await within(await log()).findByText('Доставим завтра')).toBeInTheDocument()
  expect(performance.now() - began).toBeLessThan(1000)
  // Twice, and overlapping: nothing is doubled.
  act(() => tell({ t: 'delta', turn: TURN, conversation: id(), text: 'вим завтра', offset: 10 }))
  act(() => void say(id(), { author: 'AUTHOR_ASSISTANT', turnId: TURN, text: 'Доставим завтра к обеду' }))
  expect(await within(await log()).findByText('Доставим завтра к обеду')).toBeInTheDocument()
  expect(within(await log()).queryByText('Доставим завтра')).not.toBeInTheDocument()
})

test('a reader who takes over writes at once; everybody sees who answers now', async () => {
  openApp(`/chats/${id()}`)
  expect(await who()).toBe('Ждёт человека')
  expect(screen.queryByRole('textbox', { name: 'Сообщение клиенту' })).not.toBeInTheDocument()
  await userEvent.keyboard('[KeyA]')
  await waitFor(async () => expect(await who()).toBe('Отвечаете вы'))
  await waitFor(async () => expect(await field()).toHaveFocus())
  expect(within(await log()).getByText('Дальше отвечаете вы')).toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: 'Вернуть ИИ' }))
  await waitFor(async () => expect(await who()).toMatch(/Отвечает Мария/))
})

test('a dialogue that another operator takes tells it, keeps the draft and lets nothing be sent', async () => {
  await hold()
  await write('Сейчас узнаю')
  act(() => void hand(id(), { handlerMemberId: 'other' }))
  expect(await screen.findByText('Диалог взял другой оператор')).toBeInTheDocument()
  await waitFor(async () => expect(await who()).toBe('Отвечает другой оператор'))
  expect(await field()).toHaveValue('Сейчас узнаю')
  expect(await field()).toHaveAttribute('readonly')
  // Taking it from a colleague is asked first.
  await userEvent.click(screen.getAllByRole('button', { name: 'Взять на себя' })[0]!)
  await userEvent.click(await screen.findByRole('button', { name: 'Забрать диалог' }))
  await waitFor(async () => expect(await field()).not.toHaveAttribute('readonly'))
  expect(find(id())!.handlerMemberId).toBe(me())
})

test('a dialogue that was closed meanwhile says so instead of failing in silence', async () => {
  openApp(`/chats/${id()}`)
  const take = (await screen.findAllByRole('button', { name: 'Взять на себя' }))[0]!
  world.conversations[0]!.status = 'CONVERSATION_STATUS_CLOSED'
  await userEvent.click(take)
  expect(await screen.findByText('Диалог уже закрыт')).toBeInTheDocument()
})

test('E asks and closes; nothing can be written then', async () => {
  openApp(`/chats/${id()}`)
  await bubbles()
  await userEvent.keyboard('[KeyE]')
  await userEvent.click(
    within(await screen.findByRole('alertdialog')).getByRole('button', { name: 'Закрыть диалог' }),
  )
  await waitFor(() => expect(find(id())!.status).toBe('CONVERSATION_STATUS_CLOSED'))
  expect(await field()).toHaveAttribute('readonly')
})

test('Enter sends and Shift+Enter breaks the line; a lost answer sends nothing twice', async () => {
  await hold()
  let lost = 0
  server.use(
    http.post('*/api/v1/chats/:id/messages', async ({ request }) => {
      if (lost > 0) return undefined
      lost += 1
      // The product has stored it; its answer never arrives.
      const { text, clientId } = (await request.clone().json()) as { text: string; clientId: string }
      const stored = say(id(), { author: 'AUTHOR_OPERATOR', authorMemberId: me(), clientId, text }, true)
      dialogues().sent.set(request.headers.get('idempotency-key')!, stored)
      return HttpResponse.error()
    }),
  )
  await write('Здравствуйте!')
  await userEvent.keyboard('{Shift>}{Enter}{/Shift}')
  await userEvent.paste('Уже едет')
  await userEvent.keyboard('{Enter}')
  expect(await field()).toHaveValue('')
  // The second try comes after a pause of any length.
  await waitFor(() => expect(window.localStorage.getItem(`npx:inbox:${me()}`)).not.toContain('Уже едет'))
  expect(lost).toBe(1)
  const sent = dialogues()
    .messages.get(id())!
    .filter((one) => one.text === 'Здравствуйте!\nУже едет')
  expect(sent).toHaveLength(1)
  expect(within(await log()).getAllByText(/Уже едет/)).toHaveLength(1)
})

test('a draft survives a reload', async () => {
  await hold()
  await write('Не потеряйся')
  cleanup()
  openApp(`/chats/${id()}`)
  await waitFor(async () => expect(await field()).toHaveValue('Не потеряйся'))
})

test('a message to a dialogue that somebody took is refused in words, and one press takes it and sends', async () => {
  await hold()
  // Taken, but the event is on its way still.
  Object.assign(world.conversations[0]!, { handlerMemberId: 'other', handlerEpoch: '9' })
  await write('Сейчас')
  await userEvent.keyboard('{Enter}')
  const refused = await screen.findByText('диалог сейчас ведёте не вы')
  expect(refused).toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: 'Взять на себя и отправить' }))
  await waitFor(() => expect(dialogues().messages.get(id())!.at(-1)).toMatchObject({ text: 'Сейчас' }))
  await waitFor(() => expect(screen.queryByText('диалог сейчас ведёте не вы')).not.toBeInTheDocument())
})

test('a delivery that failed says why and is sent again', async () => {
  await hold()
  let stored = say(id(), {
    author: 'AUTHOR_OPERATOR',
    authorMemberId: me(),
    text: 'Дошло?',
    deliveryState: 'DELIVERY_STATE_SENDING',
  })
  await within(await log()).findByText('Отправляем')
  act(() => {
    stored = edit(id(), stored.id, {
      deliveryState: 'DELIVERY_STATE_FAILED',
      deliveryError: 'outcome_unknown',
    })
  })
  expect(await within(await log()).findByText(/неизвестно, дошло ли/)).toBeInTheDocument()
  await userEvent.click(screen.getByRole('button', { name: 'Отправить ещё раз' }))
  await waitFor(() =>
    expect(dialogues().messages.get(id())!.at(-1)!.deliveryState).toBe('DELIVERY_STATE_QUEUED'),
  )
  await waitFor(async () => expect(within(await log()).queryByText(/неизвестно/)).not.toBeInTheDocument())
})

test('one press on a silence opens its explanation, and from there what it comes from', async () => {
  dialogues().turns.set(id(), [
    { ...turn('TURN_STATE_SKIPPED'), reason: 'no_funds', endTime: new Date().toISOString() },
  ])
  dialogues().explanations.set(TURN, {
    turnId: TURN,
    conversationId: id(),
    assistantId: world.assistants[0]!.id,
    version: 2,
    reason: 'SILENCE_REASON_NO_FUNDS',
    reasonRu: '',
    reasonEn: '',
    cause: { kind: 'CAUSE_KIND_WALLET', id: '', index: 0 },
    gate: [],
    passages: [],
    attempts: [],
    costMicroPix: '0',
    allowanceMicroPix: '0',
    heldMicroPix: '0',
    promptHash: '',
    inputTokensMax: 0,
    outputTokensMax: 0,
    finish: 'FINISH_KIND_UNSPECIFIED',
    handoff: '',
    recorded: true,
  })
  const router = openApp(`/chats/${id()}`)
  expect(await within(await log()).findByText('Не хватило pix')).toBeInTheDocument()
  // The customer's own lines have a reason each while a person is to answer; this is the turn's.
  await userEvent.click(
    within((await log()).querySelector<HTMLElement>('[data-slot="silence"]')!).getByRole('button'),
  )
  const sheet = await screen.findByRole('dialog', { name: 'Почему нейросотрудник промолчал' })
  await userEvent.click(await within(sheet).findByRole('link', { name: 'Открыть баланс' }))
  await waitFor(() => expect(router.state.location.pathname).toBe('/wallet'))
})

test('a dialogue that is not there, and one that cannot be read, say so', async () => {
  openApp('/chats/019d0000-0000-7000-8000-00000000dead')
  expect(await screen.findByText('Такого диалога нет')).toBeInTheDocument()
  cleanup()
  server.use(http.get('*/api/v1/chats/:id/messages', () => problem(400, 'FIELD_INVALID')))
  openApp(`/chats/${id()}`)
  expect(await screen.findByText('Не получилось загрузить')).toBeInTheDocument()
})

function turn(state: 'TURN_STATE_ANSWERING' | 'TURN_STATE_SKIPPED') {
  return {
    id: TURN,
    conversationId: id(),
    state,
    reason: '',
    reasonRu: '',
    reasonEn: '',
    answerMessageId: '',
    version: 2,
    costMicroPix: '0',
    attempts: [],
    createTime: new Date().toISOString(),
  }
}
