import { expect, test } from 'vitest'
import { filterOf, usersSearch } from './search'

test('an empty address shows everybody, newest first', () => {
  expect(filterOf(usersSearch({}))).toEqual({ q: '', staff: false, order: 'create_time desc' })
})

test('search, filter and order are read, a number in the address as text', () => {
  const search = usersSearch({ q: 79001, staff: true, order: 'available_micro_pix desc' })
  expect(filterOf(search)).toEqual({ q: '79001', staff: true, order: 'available_micro_pix desc' })
})

test.each([
  { staff: 'yes' },
  { order: 'email' },
  { order: 'create_time; drop' },
  { q: {} },
  { q: '   ' },
  { user: 7 },
])('what is not understood is forgotten: %o', (input) => {
  expect(usersSearch(input)).toEqual({})
})

test('a search that is too long for the server is cut', () => {
  expect(usersSearch({ q: 'я'.repeat(500) }).q).toHaveLength(200)
})
