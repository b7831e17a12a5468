// @vitest-environment node
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contrast, inkOn, isColour, readable } from './contrast'

const colour = fc.integer({ min: 0, max: 0xffffff }).map((value) => `#${value.toString(16).padStart(6, '0')}`)

test('black on white is 21, a colour on itself 1', () => {
  expect(contrast('#000000', '#ffffff')).toBeCloseTo(21, 5)
  expect(contrast('#336699', '#336699')).toBe(1)
  // The pair that WCAG's own examples give.
  expect(contrast('#767676', '#ffffff')).toBeCloseTo(4.54, 2)
})

test('the ink has 4.5 : 1 on any brand colour', () => {
  fc.assert(
    fc.property(colour, (brand) => contrast(brand, inkOn(brand)) >= 4.5),
    { numRuns: 2000 },
  )
})

test('a brand colour becomes readable on paper and on night, and stays itself where it is already', () => {
  fc.assert(
    fc.property(colour, fc.constantFrom('#faf9f5', '#141a1a'), (brand, ground) => {
      const shown = readable(brand, ground, 4.5)
      expect(contrast(shown, ground)).toBeGreaterThanOrEqual(4.5)
      if (contrast(brand, ground) >= 4.5) expect(shown).toBe(brand)
    }),
  )
})

test('only #rrggbb is a colour', () => {
  for (const wrong of ['red', '#fff', '#12345g', 'url(x)', '#1234567', 7, null])
    expect(isColour(wrong)).toBe(false)
  expect(isColour('#1A2b3C')).toBe(true)
})
