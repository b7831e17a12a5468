import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { safeNext } from './next'

test.each([
  '//evil.example',
  '///evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  'https://evil.example/',
  'javascript:alert(1)',
  '/\t/evil.example',
  '/\n//evil.example',
  '/\u0000',
  '/\u007f',
  'wallet',
  '',
  ' /wallet',
  '/login?next=/wallet',
  '/register',
  `/${'a'.repeat(2000)}`,
  undefined,
  null,
  7,
  ['/wallet'],
])('next=%j leads nowhere', (hostile) => {
  expect(safeNext(hostile)).toBeUndefined()
})

test.each(['/', '/wallet', '/wallet?kind=settle&period=7d', '/chats/1#m5', '/логин', '/login-history'])(
  'next=%j is kept as it is',
  (place) => {
    expect(safeNext(place)).toBe(place)
  },
)

test('whatever is kept stays on this host, as a browser reads it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('/', '\\', '.', '@', ':', '\t', '\n', '\r', ' ', 'e', '%2f', '%5c', '?', '#')),
      (parts) => {
        const kept = safeNext(parts.join(''))
        if (kept !== undefined) expect(new URL(kept, 'http://app.localhost').host).toBe('app.localhost')
      },
    ),
    { numRuns: 2000 },
  )
})
