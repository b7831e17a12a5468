import { expect, it } from 'vitest'
import { scoreCommand } from './palette-score'

const score = (typed: string) => scoreCommand('open-inbox', typed, ['Открыть диалоги', 'чаты', 'ещё'])

it('knows a label by its beginning best, then by the beginnings of words, then by their middles', () => {
  expect(score('откр')).toBe(1)
  expect(score('диалоги откр')).toBe(0.8)
  expect(score('чат')).toBe(0.8)
  expect(score('алог')).toBe(0.4)
})

it('asks for every typed word', () => {
  expect(score('открыть баланс')).toBe(0)
})

it('takes «е» for «ё» and ignores the id, which nobody sees', () => {
  expect(score('еще')).toBe(0.8)
  expect(score('inbox')).toBe(0)
})
