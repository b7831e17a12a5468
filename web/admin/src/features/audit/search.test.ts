import { expect, test } from 'vitest'
import { shortAction } from './audit-table'
import { auditSearch } from './search'

const ID = '019d0000-0000-7000-8000-00000000000a'

test('a company, an action and a record are read', () => {
  expect(auditSearch({ workspace: ID, action: 'Price', record: ID })).toEqual({
    workspace: ID,
    action: 'Price',
    record: ID,
  })
})

test.each([{ workspace: 'x' }, { workspace: `${ID}'` }, { action: '  ' }, { action: 5 }, { record: '../' }])(
  'what is no id or no text is forgotten: %o',
  (input) => {
    expect(auditSearch(input)).toEqual({})
  },
)

test('an action is named without its package', () => {
  expect(shortAction('neipix.billing.v1.PriceService/CreatePrice')).toBe('PriceService/CreatePrice')
  expect(shortAction('billing.v1.PriceService/EndPrice')).toBe('PriceService/EndPrice')
  expect(shortAction('signed-in')).toBe('signed-in')
})
