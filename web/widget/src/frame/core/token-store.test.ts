import { afterEach, expect, test, vi } from 'vitest'
import { BrowserShelf } from './shelf'
import { tokenStore } from './token-store'

afterEach(() => localStorage.clear())

const hostCopy = (kept?: string) => ({ kept, save: vi.fn(), drop: vi.fn() })
const denied = (): Storage => {
  throw new DOMException('denied', 'SecurityError')
}
const full = (): Storage =>
  ({
    getItem: () => null,
    removeItem() {},
    setItem() {
      throw new DOMException('full', 'QuotaExceededError')
    },
  }) as unknown as Storage

test('an anonymous token is kept by the frame and, for browsers that throw it away, by the page', () => {
  const host = hostCopy()
  const store = tokenStore('wk_1', () => localStorage, host)
  expect(store.read()).toBeUndefined()
  store.save('vt_1', false)
  expect(host.save).toHaveBeenCalledExactlyOnceWith('vt_1')
  expect(tokenStore('wk_1', () => localStorage, hostCopy()).read()).toBe('vt_1')
  expect(tokenStore('wk_2', () => localStorage, hostCopy()).read()).toBeUndefined()
})

test('the token of an identified visitor never goes to the page, and takes the anonymous one away from it', () => {
  const host = hostCopy('vt_old')
  tokenStore('wk_1', () => localStorage, host).save('vt_known', true)
  expect(host.save).not.toHaveBeenCalled()
  expect(host.drop).toHaveBeenCalledOnce()
})

test("the page's copy counts only where ours is gone", () => {
  expect(tokenStore('wk_1', () => localStorage, hostCopy('vt_page')).read()).toBe('vt_page')
  localStorage.setItem('npx:visitor:wk_1', 'vt_own')
  expect(tokenStore('wk_1', () => localStorage, hostCopy('vt_page')).read()).toBe('vt_own')
})

test.each([
  ['forbidden', denied],
  ['full', full],
])('a storage that is %s leaves memory and the page', (_what, storage) => {
  const host = hostCopy()
  const store = tokenStore('wk_1', storage, host)
  expect(store.read()).toBeUndefined()
  store.save('vt_1', false)
  expect(store.read()).toBe('vt_1')
  expect(host.save).toHaveBeenCalledOnce()
  store.drop()
  expect(store.read()).toBeUndefined()
  expect(host.drop).toHaveBeenCalledOnce()
})

test('a change in another tab is told, and another key is not', () => {
  const store = tokenStore('wk_1', () => localStorage, hostCopy('vt_page'))
  const changed = vi.fn()
  const stop = store.watch(changed)
  const tell = (key: string | null, newValue: string | null) =>
    window.dispatchEvent(new StorageEvent('storage', { key, newValue }))
  tell('other', 'x')
  tell('npx:visitor:wk_1', 'vt_2')
  tell('npx:visitor:wk_1', null)
  tell(null, null)
  expect(changed.mock.calls).toEqual([['vt_2'], [undefined], [undefined]])
  expect(store.read()).toBeUndefined()
  stop()
  tell('npx:visitor:wk_1', 'vt_3')
  expect(changed).toHaveBeenCalledTimes(3)
})

test('unsent messages: a torn entry hides no other, another key and a forbidden storage are let alone', () => {
  const shelf = new BrowserShelf('wk_1', () => localStorage)
  const item = { id: 'b', conversation: 'visitor', text: 'два', at: 2, state: 'queued' } as const
  shelf.put(item)
  shelf.put({ ...item, id: 'a', text: 'раз', at: 1 })
  localStorage.setItem('npx:unsent:v1:wk_1:torn', '{"id":')
  localStorage.setItem('npx:unsent:v1:wk_1:odd', '{"id":"x","text":"y"}')
  new BrowserShelf('wk_2', () => localStorage).put(item)
  expect(shelf.load().map((one) => one.text)).toEqual(['раз', 'два'])
  shelf.clear()
  expect(shelf.load()).toEqual([])
  expect(new BrowserShelf('wk_2', () => localStorage).load()).toHaveLength(1)
  const none = new BrowserShelf('wk_1', denied)
  none.put(item)
  none.remove('b')
  expect(none.load()).toEqual([])
})
