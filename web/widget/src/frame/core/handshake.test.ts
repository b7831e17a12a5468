// @vitest-environment node
import { expect, test, vi } from 'vitest'
import { mayEmbed, shakeHands, type Frame } from './handshake'

const INIT = { neipix: 'init', v: 1, locale: 'ru', url: 'https://shop.ru/' }

test.each([
  ['https://shop.ru', ['https://shop.ru'], true],
  ['https://shop.ru', ['https://*.shop.ru'], false],
  ['https://a.shop.ru', ['https://*.shop.ru'], true],
  ['https://b.a.shop.ru', ['https://*.shop.ru'], true],
  ['https://evilshop.ru', ['https://*.shop.ru'], false],
  ['https://shop.ru.evil.com', ['https://shop.ru', 'https://*.shop.ru'], false],
  ['https://a.shop.ru:8443', ['https://*.shop.ru'], false],
  ['https://a.shop.ru:8443', ['https://*.shop.ru:8443'], true],
  ['http://shop.ru', ['http://shop.ru'], false],
  ['http://a.shop.ru', ['http://*.shop.ru'], false],
  ['http://shop.localhost:8091', ['http://shop.localhost:8091'], true],
  ['http://localhost:3000', ['http://localhost:3000'], true],
  ['http://localhost.evil.com', ['http://localhost.evil.com'], false],
  ['null', ['null'], false],
  ['https://shop.ru', [], false],
  ['https://shop.ru', ['*', 'https://*'], false],
])('W-4: %s with the list %j: %s', (origin, allowed, may) => {
  expect(mayEmbed(origin, allowed)).toBe(may)
})

function scene() {
  const listeners = new Set<(event: MessageEvent) => void>()
  const parent = { postMessage: vi.fn() }
  const frame: Frame = {
    parent,
    addEventListener: (_type, listener) => void listeners.add(listener),
    removeEventListener: (_type, listener) => void listeners.delete(listener),
  }
  const receive = (
    data: unknown,
    { source = parent as unknown, origin = 'https://shop.ru', ports = 1 } = {},
  ) => {
    const made = Array.from({ length: ports }, () => ({ close: vi.fn() }))
    const event = { data, source, origin, ports: made } as unknown as MessageEvent
    for (const listener of [...listeners]) listener(event)
    return made
  }
  return { frame, parent, receive, listeners }
}

test('it says that it is there, without any data, and takes the answer of a listed page', async () => {
  const { frame, parent, receive } = scene()
  const greeting = shakeHands(frame, ['https://shop.ru'])
  expect(parent.postMessage).toHaveBeenCalledExactlyOnceWith({ neipix: 'ready', v: 1 }, '*')
  const [port] = receive(INIT)
  expect(await greeting).toEqual({ ok: true, init: INIT, origin: 'https://shop.ru', port })
})

test('W-5: another window, another shape, no port or two ports are not heard', async () => {
  const { frame, receive, listeners } = scene()
  const greeting = shakeHands(frame, ['https://shop.ru'])
  receive(INIT, { source: { postMessage() {} } })
  receive({ ...INIT, v: 2 })
  receive({ ...INIT, more: true })
  receive(JSON.stringify(INIT))
  receive(INIT, { ports: 0 })
  receive(INIT, { ports: 2 })
  expect(listeners.size).toBe(1)
  receive({ ...INIT, locale: 'en' })
  expect(await greeting).toMatchObject({ ok: true, init: { locale: 'en' } })
})

test('a page that is not listed ends it, and nothing is heard any more', async () => {
  const { frame, receive, listeners } = scene()
  const greeting = shakeHands(frame, ['https://shop.ru'])
  const [port] = receive(INIT, { origin: 'https://evil.com' })
  expect(await greeting).toEqual({ ok: false, origin: 'https://evil.com' })
  expect(listeners.size).toBe(0)
  expect(port!.close).toHaveBeenCalledOnce()
  receive(INIT)
  expect(await greeting).toMatchObject({ ok: false })
})

test('one answer only: the second greeting of the same page is not heard', async () => {
  const { frame, receive } = scene()
  const greeting = shakeHands(frame, ['https://shop.ru'])
  receive(INIT)
  receive({ ...INIT, token: 'stolen' })
  expect(await greeting).toMatchObject({ init: INIT })
})
