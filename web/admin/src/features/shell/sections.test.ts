import { expect, test } from 'vitest'
import { sectionsFor } from './sections'

// The table C2 of the contract: what the platform's roles hold.
test.each([
  [
    'superadmin',
    ['platform.users.read', 'platform.audit.read', 'platform.providers.manage'],
    ['/users', '/audit'],
  ],
  ['billing', ['platform.users.read', 'platform.prices.manage'], ['/users']],
  ['support', ['platform.users.read'], ['/users']],
  ['content', [], []],
])('%s sees its sections only', (_role, permissions, paths) => {
  expect(sectionsFor(permissions).map(({ to }) => to)).toEqual(paths)
})
