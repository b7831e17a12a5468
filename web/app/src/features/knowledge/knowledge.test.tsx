import { configure, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { http } from 'msw'
import { expect, test, vi } from 'vitest'
import { problem } from '@app/mock/http'
import { STORAGE, studio } from '@app/mock/studio'
import { openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'

// A loaded machine may take its time; whether a part can be seen is dear to find out in jsdom, and not what is tested.
vi.setConfig({ testTimeout: 90_000 })
configure({ defaultHidden: true, asyncUtilTimeout: 20_000 })
const server = withMockServer()
const slow = { timeout: 20_000 }

const ASSISTANT = '019d0000-0000-7000-8000-000000000065'
const open = () => openApp(`/assistants/${ASSISTANT}/knowledge`)
const files = () => screen.findByRole('list', { name: 'Файлы' }, slow)
const input = () => screen.findByLabelText('Выбрать файлы', { selector: 'input' }, slow)
const file = (name: string, text = 'Доставка стоит 300 рублей.') =>
  new File([text], name, { type: 'text/plain' })

test('a dropped file is uploaded, read, and leads to the first question', async () => {
  open()
  await userEvent.upload(await input(), file('Ответы.txt'))
  const row = () =>
    within(screen.getByRole('list', { name: 'Файлы' }))
      .getByText('Ответы.txt')
      .closest('li')!
  await waitFor(() => expect(row()).toHaveTextContent('Готов'), slow)
  expect(await screen.findByRole('link', { name: 'Задать вопрос' }, slow)).toHaveAttribute(
    'href',
    `/assistants/${ASSISTANT}/test`,
  )
  expect(screen.queryByRole('list', { name: 'Загружаются' })).toBeNull()
})

test('what breaks a rule is refused before anything is sent, each file with its reason', async () => {
  const sent = vi.fn()
  server.events.on('request:start', ({ request }) => {
    if (request.method === 'POST' && request.url.endsWith('/files')) sent()
  })
  open()
  await files()
  const large = file('Фильм.pdf')
  Object.defineProperty(large, 'size', { value: 52_428_801 })
  await userEvent
    .setup({ applyAccept: false })
    .upload(await input(), [file('Программа.exe'), file('Пусто.txt', ''), large])
  const alert = await screen.findByRole('alert')
  expect(
    within(alert)
      .getAllByRole('listitem')
      .map((item) => item.textContent),
  ).toEqual([
    expect.stringMatching(/Программа\.exe: такой формат не читаем/),
    expect.stringMatching(/Пусто\.txt: файл пустой/),
    expect.stringMatching(/Фильм\.pdf: больше 50 МБ/),
  ])
  expect(sent).not.toHaveBeenCalled()
})

test('an upload that the storage refuses says why and goes through when tried again', async () => {
  server.use(http.post(STORAGE, () => new Response(null, { status: 403 }), { once: true }))
  open()
  await userEvent.upload(await input(), file('Ответы.txt'))
  const uploads = await screen.findByRole('list', { name: 'Загружаются' }, slow)
  expect(await within(uploads).findByRole('alert', {}, slow)).toHaveTextContent('Хранилище не приняло файл')
  await userEvent.click(within(uploads).getByRole('button', { name: 'Загрузить снова' }))
  await waitFor(
    () =>
      expect(within(screen.getByRole('list', { name: 'Файлы' })).getByText('Ответы.txt')).toBeInTheDocument(),
    slow,
  )
  // What was announced for the first try is taken back.
  expect(studio().files.filter(({ name }) => name === 'Ответы.txt')).toHaveLength(1)
})

test('a failed file says what to do, and can be read again', async () => {
  open()
  const list = await files()
  expect(within(list).getByText(/Файл закрыт паролем/)).toBeInTheDocument()
  await userEvent.click(within(list).getByRole('button', { name: /Действия с файлом «Договор/ }))
  await userEvent.click(await screen.findByRole('menuitem', { name: 'Прочитать снова' }))
  await waitFor(() => expect(screen.queryByText(/Файл закрыт паролем/)).toBeNull(), slow)
})

test('a file is deleted only after a question', async () => {
  open()
  await userEvent.click(
    within(await files()).getByRole('button', { name: 'Действия с файлом «Прайс 2026.pdf»' }),
  )
  await userEvent.click(await screen.findByRole('menuitem', { name: 'Удалить' }))
  const question = await screen.findByRole('alertdialog', { name: 'Удалить «Прайс 2026.pdf»?' })
  expect(studio().files).toHaveLength(4)
  await userEvent.click(within(question).getByRole('button', { name: 'Удалить файл' }))
  await waitFor(() => expect(screen.queryByText('Прайс 2026.pdf')).toBeNull(), slow)
  expect(studio().files).toHaveLength(3)
})

test('a question that could not be answered with yes stays open and says why', async () => {
  server.use(http.delete('*/files/*', () => problem(503, 'UNAVAILABLE'), { once: true }))
  open()
  await userEvent.click(
    within(await files()).getByRole('button', { name: 'Действия с файлом «Прайс 2026.pdf»' }),
  )
  await userEvent.click(await screen.findByRole('menuitem', { name: 'Удалить' }))
  const question = await screen.findByRole('alertdialog')
  await userEvent.click(within(question).getByRole('button', { name: 'Удалить файл' }))
  expect(await within(question).findByRole('alert')).toHaveTextContent('Сервис сейчас недоступен')
})

test('the text of a file has an address, and shows pages and headings', async () => {
  const router = open()
  await userEvent.click(within(await files()).getByRole('button', { name: 'Прайс 2026.pdf' }))
  const panel = await screen.findByRole('dialog', { name: 'Прайс 2026.pdf' }, slow)
  expect(await within(panel).findByText('Страница 2')).toBeInTheDocument()
  expect(within(panel).getByRole('heading', { name: 'Доставка › По области' })).toBeInTheDocument()
  expect(router.state.location.search).toHaveProperty('file', studio().files[0]?.id)
  await userEvent.keyboard('{Escape}')
  await waitFor(() => expect(router.state.location.searchStr).toBe(''))
})

test('who may only read sees the files and no way to change them', async () => {
  world.me.permissions = ['assistants.read', 'knowledge.read']
  open()
  const list = await files()
  expect(screen.queryByText('Перетащите файлы сюда')).toBeNull()
  await userEvent.click(within(list).getByRole('button', { name: 'Действия с файлом «Прайс 2026.pdf»' }))
  expect(await screen.findByRole('menuitem', { name: 'Показать текст' })).toBeInTheDocument()
  expect(screen.queryByRole('menuitem', { name: 'Удалить' })).toBeNull()
})
