import { configure, fireEvent, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, test, vi } from 'vitest'
import { studio } from '@app/mock/studio'
import { openApp, withMockServer } from '@app/mock/test-app'
import { world } from '@app/mock/world'
import { apiOrigin, curlOf } from './curl-example'
import { isOrigin, originsOf } from './origins'

// A loaded machine may take its time; whether a part can be seen is dear to find out in jsdom, and not what is tested.
vi.setConfig({ testTimeout: 90_000 })
configure({ defaultHidden: true, asyncUtilTimeout: 20_000 })
withMockServer()

const ASSISTANT = '019d0000-0000-7000-8000-000000000065'
const open = () => openApp(`/assistants/${ASSISTANT}/channels`)
const card = (name: string) => screen.findByRole('region', { name })
const write = (field: HTMLElement, value: string) => fireEvent.change(field, { target: { value } })

describe('Telegram', () => {
  test('is connected by a token, which is looked at before it is sent', async () => {
    open()
    const telegram = await card('Telegram')
    const token = within(telegram).getByLabelText('Токен бота')
    const connect = within(telegram).getByText('Подключить')
    write(token, 'не токен')
    await userEvent.click(connect)
    expect(within(telegram).getByText(/Токен выглядит так/)).toBeInTheDocument()
    write(token, `000000:${'A'.repeat(30)}`)
    await userEvent.click(connect)
    expect(await within(telegram).findByText(/Telegram отклонил токен/)).toBeInTheDocument()
    write(token, `123456789:${'A'.repeat(30)}wxyz`)
    await userEvent.click(connect)
    expect(await within(telegram).findByText('@lavka_bot')).toBeInTheDocument()
    expect(within(telegram).getByText('токен …wxyz')).toBeInTheDocument()
    await userEvent.click(within(telegram).getByText('Проверить'))
    expect(await screen.findByText('Канал работает.')).toBeInTheDocument()
  })

  test('who may only look sees no steps', async () => {
    world.me.permissions = ['assistants.read', 'channels.read']
    open()
    const telegram = await card('Telegram')
    expect(within(telegram).getByText('Не подключён')).toBeInTheDocument()
    expect(within(telegram).queryByLabelText('Токен бота')).toBeNull()
  })
})

describe('API', () => {
  test('a key is made for this assistant alone, shown once, and revoked after a question', async () => {
    open()
    const api = await card('API')
    await userEvent.click(within(api).getByText('Создать ключ'))
    const dialog = await screen.findByRole('dialog', { name: 'Новый ключ API' })
    write(within(dialog).getByLabelText('Название'), 'Сайт магазина')
    await userEvent.click(within(dialog).getByRole('button', { name: 'Создать ключ' }))
    const secret = await screen.findByLabelText<HTMLInputElement>('Ключ')
    expect(secret.value).toMatch(/^npk_/)
    expect(world.keys[0]).toMatchObject({ permissions: ['chats.ask'], assistantId: ASSISTANT })
    await userEvent.click(screen.getByText('Я сохранил ключ'))
    await waitFor(() => expect(screen.queryByLabelText('Ключ')).toBeNull())
    expect(await within(api).findByText('Сайт магазина')).toBeInTheDocument()
    expect(api.innerHTML).not.toContain(secret.value)
    await userEvent.click(within(api).getByLabelText('Отозвать ключ «Сайт магазина»'))
    const question = await screen.findByRole('alertdialog')
    await userEvent.click(within(question).getByRole('button', { name: 'Отозвать' }))
    await waitFor(() => expect(within(api).queryByText('Сайт магазина')).toBeNull())
  })

  test('the example survives a shell', () => {
    expect(apiOrigin({ protocol: 'http:', host: 'app.localhost:8080' })).toBe('http://api.localhost:8080')
    expect(curlOf('http://api', 'k', "What's up?")).toContain(`"text":"What'\\''s up?"`)
  })
})

describe('the widget', () => {
  test('begins with sites; then there is a code to copy, a look to change, a secret to make', async () => {
    open()
    const widget = await card('Виджет на сайте')
    await userEvent.click(within(widget).getByText('Создать виджет'))
    expect(within(widget).getByText('Нужен хотя бы один адрес.')).toBeInTheDocument()
    write(within(widget).getByLabelText('Адреса сайтов'), 'https://shop.ru/catalog')
    expect(within(widget).getByText(/Это не адрес сайта: https:\/\/shop\.ru\/catalog/)).toBeInTheDocument()
    write(within(widget).getByLabelText('Адреса сайтов'), 'https://shop.ru/\nhttps://*.shop.ru')
    await userEvent.click(within(widget).getByText('Создать виджет'))
    expect(await within(widget).findByText(/wk_7hQ2mZ/)).toBeInTheDocument()
    const made = () => studio().channels.find(({ kind }) => kind === 'CHANNEL_KIND_WIDGET')?.widget
    expect(made()?.origins).toEqual(['https://shop.ru', 'https://*.shop.ru'])
    write(within(widget).getByLabelText('Цвет'), 'зелёный'.slice(0, 7))
    await userEvent.click(within(widget).getByText('Сохранить'))
    expect(within(widget).getByText('Цвет выглядит так: #1a7f5a.')).toBeInTheDocument()
    write(within(widget).getByLabelText('Цвет'), '#aa3300')
    await userEvent.click(within(widget).getByText('Сохранить'))
    await waitFor(() => expect(made()?.accent).toBe('#aa3300'))
    await userEvent.click(within(widget).getByText('Выпустить новый секрет'))
    const question = await screen.findByRole('alertdialog')
    await userEvent.click(within(question).getByRole('button', { name: 'Выпустить новый секрет' }))
    expect((await screen.findByLabelText<HTMLInputElement>('Секрет')).value).toMatch(/^wis_/)
    await userEvent.click(screen.getByText('Я сохранил секрет'))
    expect(await within(widget).findByText(/ключ k1, создан/)).toBeInTheDocument()
  })

  test.each([
    ['https://shop.ru', true],
    ['https://*.shop.ru', true],
    ['https://shop.ru:8443', true],
    ['https://магазин.рф', true],
    ['http://localhost:3000', true],
    ['http://demo.localhost', true],
    ['http://shop.ru', false],
    ['https://shop.ru/a', false],
    ['https://*', false],
    ['https://a.*.ru', false],
    ['shop.ru', false],
    ['javascript://shop.ru', false],
    ['https://u@shop.ru', false],
    ['https://shop.ru:99999', false],
  ])('%s is an address of a site: %s', (origin, good) => {
    expect(isOrigin(origin)).toBe(good)
  })

  test('addresses are taken as people paste them', () => {
    expect(originsOf(' HTTPS://Shop.ru/ ,https://a.ru\n\nhttps://shop.ru')).toEqual([
      'https://shop.ru',
      'https://a.ru',
    ])
  })
})
