import { expect, test } from 'vitest'
import { forecast } from './forecast'

const DAY = 24 * 60 * 60 * 1000
const pix = (n: number) => BigInt(n) * 1_000_000n

test('spending of a week is what was there, plus what came in, less what is left', () => {
  const seen = { now: pix(400), before: pix(1000), income: pix(100), spentInAll: pix(5000), age: 90 * DAY }
  expect(forecast(seen, pix(400))).toEqual({ spent: pix(700), perDay: pix(100), days: 4 })
})

test('what is set aside for running answers is not yet spent', () => {
  const seen = { now: pix(1000), before: pix(1000), income: 0n, spentInAll: 0n, age: 30 * DAY }
  expect(forecast(seen, pix(990))).toEqual({ spent: 0n, perDay: 0n, days: undefined })
})

test('a wallet of two days counts its own days', () => {
  const seen = { now: pix(80), before: undefined, income: pix(100), spentInAll: pix(20), age: 1.5 * DAY }
  expect(forecast(seen, pix(80))).toEqual({ spent: pix(20), perDay: pix(10), days: 8 })
})

test('an empty balance lasts no day', () => {
  const seen = { now: 0n, before: pix(70), income: 0n, spentInAll: pix(70), age: 30 * DAY }
  expect(forecast(seen, 0n).days).toBe(0)
})

test('a correction upwards is no negative spending', () => {
  const seen = { now: pix(120), before: pix(100), income: 0n, spentInAll: 0n, age: 30 * DAY }
  expect(forecast(seen, pix(120)).spent).toBe(0n)
})

test('amounts beyond 2^53 stay exact', () => {
  const before = 9_007_199_254_740_993n
  const seen = { now: 0n, before, income: 0n, spentInAll: before, age: 30 * DAY }
  expect(forecast(seen, 0n).spent).toBe(before)
})
