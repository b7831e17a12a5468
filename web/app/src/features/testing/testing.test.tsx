import { configure, fireEvent, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { beforeEach, expect, test, vi } from 'vitest'
import { simulation } from '@app/mock/simulation'
import { openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'

// A loaded machine may take its time; whether a part can be seen is dear to find out in jsdom, and not what is tested.
vi.setConfig({ testTimeout: 90_000 })
configure({ defaultHidden: true, asyncUtilTimeout: 20_000 })
withMockServer()

// jsdom has no layout: the dialogue draws the rows that a box of this size would show.
beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(60)
  vi.spyOn(Element.prototype, 'clientHeight', 'get').mockReturnValue(2000)
  vi.spyOn(Element.prototype, 'clientWidth', 'get').mockReturnValue(600)
  Element.prototype.scrollTo = () => undefined
  return () => vi.restoreAllMocks()
})

const ASSISTANT = '019d0000-0000-7000-8000-000000000065'
const open = () => openApp(`/assistants/${ASSISTANT}/test`)
const ask = async (text: string) => {
  const input = await screen.findByLabelText<HTMLTextAreaElement>('Вопрос')
  fireEvent.change(input, { target: { value: text } })
  fireEvent.keyDown(input, { key: 'Enter' })
}
const log = () => screen.findByRole('log', { name: 'Проверочный диалог' })

test('a question is answered word by word, with sources, tokens, cost and what is left for free', async () => {
  simulation().pause = 30
  open()
  expect(await screen.findByText('осталось 20 pix из 20 pix')).toBeInTheDocument()
  await ask('Сколько стоит доставка?')
  expect(await within(await log()).findByText('Сколько стоит доставка?')).toBeInTheDocument()
  expect(await screen.findByText('Остановить')).toBeInTheDocument()
  expect(screen.queryByText('Источники')).toBeNull()
  expect(await screen.findByText('1276 токенов', { exact: false })).toBeInTheDocument()
  expect(within(await log()).getByText(/а при заказе от 5 000 ₽/)).toBeInTheDocument()
  expect(within(await log()).getAllByText('Доставка и возврат.docx')).toHaveLength(2)
  expect(screen.getByText('0,31 pix')).toBeInTheDocument()
  expect(screen.getByText('осталось 19,69 pix из 20 pix')).toBeInTheDocument()
  await userEvent.click(screen.getByText('Почему такой ответ'))
  expect(await screen.findByRole('dialog', { name: /Почему/ })).toBeInTheDocument()
})

test('what is typed in the instruction is saved before the draft is asked', async () => {
  const router = openApp(`/assistants/${ASSISTANT}/instruction`)
  fireEvent.change(await screen.findByLabelText('Инструкция'), { target: { value: 'Отвечай стихами.' } })
  await router.navigate({ to: '/assistants/$id/test', params: { id: ASSISTANT } })
  await ask('Привет')
  await screen.findByText('Почему такой ответ')
  expect(world.assistants[0]?.draft?.instruction).toBe('Отвечай стихами.')
})

test('a stopped answer is finished by the server and shows up by itself', async () => {
  simulation().pause = 60
  open()
  await ask('Сколько стоит доставка?')
  await userEvent.click(await screen.findByText('Остановить'))
  await waitFor(() => expect(screen.queryByText('Остановить')).toBeNull())
  const [turn] = simulation().turns.get(ASSISTANT)!
  Object.assign(turn!, { state: 'SIMULATED_TURN_STATE_ANSWERED', answer: 'Триста рублей.' })
  expect(await within(await log()).findByText('Триста рублей.')).toBeInTheDocument()
})

test('a reload in the middle of an answer finds it when it is there', async () => {
  const running = { ...turnOf(1, 'Когда привезёте?'), state: 'SIMULATED_TURN_STATE_RUNNING' as const }
  simulation().turns.set(ASSISTANT, [running])
  open()
  expect(await screen.findByText('Ответ дописывается, это несколько секунд')).toBeInTheDocument()
  Object.assign(running, { state: 'SIMULATED_TURN_STATE_ANSWERED', answer: 'Завтра.' })
  expect(await within(await log()).findByText('Завтра.')).toBeInTheDocument()
})

test('a silence says why, in the reader’s language, and can be explained', async () => {
  const silent = {
    ...turnOf(1, 'Позовите человека'),
    state: 'SIMULATED_TURN_STATE_SILENT' as const,
    reasonRu: 'Сработало стоп-слово.',
  }
  simulation().turns.set(ASSISTANT, [silent])
  open()
  expect(await screen.findByText(/Клиент не получил бы ответа: Сработало стоп-слово\./)).toBeInTheDocument()
  expect(screen.getByText('Почему промолчал')).toBeInTheDocument()
})

test('a full test takes no more questions until it is begun anew', async () => {
  simulation().turns.set(
    ASSISTANT,
    Array.from({ length: 20 }, (_, n) => turnOf(n + 1, `Вопрос ${n + 1}`)),
  )
  open()
  expect(await screen.findByText('В проверке не больше 20 вопросов. Начните заново.')).toBeInTheDocument()
  await userEvent.click(screen.getByText('Начать заново'))
  const question = await screen.findByRole('alertdialog')
  await userEvent.click(within(question).getByRole('button', { name: 'Начать заново' }))
  expect(await screen.findByText('Спросите, как спросил бы клиент')).toBeInTheDocument()
  expect(simulation().turns.get(ASSISTANT)).toEqual([])
})

function turnOf(number: number, question: string) {
  return {
    id: `019d0000-0000-7000-8002-${String(number).padStart(12, '0')}`,
    number,
    version: 0,
    state: 'SIMULATED_TURN_STATE_ANSWERED' as const,
    reason: 'SILENCE_REASON_UNSPECIFIED' as const,
    reasonRu: '',
    reasonEn: '',
    question,
    answer: 'Да.',
    fixedReply: false,
    citations: [],
    costMicroPix: '0',
    allowanceMicroPix: '0',
    createTime: new Date().toISOString(),
  }
}
