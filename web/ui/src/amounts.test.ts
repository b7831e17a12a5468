import { describe, expect, it } from 'vitest'
import { formatKopecks, formatPix, formatRub, roublesOf } from './amounts'

/* Intl writes no-break spaces; the expectations below are easier to read with plain ones. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ')

describe('formatPix', () => {
  it.each([
    ['0', '0 pix'],
    ['1000000', '1 pix'],
    ['12480500000', '12 480,5 pix'],
    ['12480555555', '12 480,56 pix'],
    ['-3250000', '−3,25 pix'],
    ['500000', '0,5 pix'],
  ])('writes %s in Russian as %s', (micro, text) => {
    expect(plain(formatPix(micro, 'ru'))).toBe(text)
  })

  it('never shows a small cost as nothing', () => {
    expect(plain(formatPix('4213', 'ru'))).toBe('0,0042 pix')
    expect(plain(formatPix('1', 'ru'))).toBe('0,000001 pix')
  })

  it('keeps every digit of the largest int64', () => {
    expect(plain(formatPix('9223372036854775807', 'ru', { digits: 6 }))).toBe('9 223 372 036 854,775807 pix')
    expect(plain(formatPix('-9223372036854775808', 'en', { digits: 6 }))).toBe(
      '−9,223,372,036,854.775808 pix',
    )
  })

  it('holds the number of digits in a column', () => {
    expect(plain(formatPix('12000000', 'ru', { fixed: true }))).toBe('12,00 pix')
  })

  it('puts a plus before a gain, but not before nothing', () => {
    expect(plain(formatPix('5000000', 'ru', { signed: true }))).toBe('+5 pix')
    expect(plain(formatPix('0', 'ru', { signed: true }))).toBe('0 pix')
  })

  it.each(['', '1.5', '1e6', 'NaN', ' 1', '12345678901234567890'])('refuses "%s"', (bad) => {
    expect(() => formatPix(bad, 'ru')).toThrow(RangeError)
  })
})

describe('roublesOf', () => {
  it('multiplies exactly where a number would not', () => {
    expect(roublesOf('9007199254740993', '1000000')).toBe('9007199254740993')
  })

  it('rounds half up, away from zero', () => {
    expect(roublesOf('1', '500000')).toBe('1')
    expect(roublesOf('1', '499999')).toBe('0')
    expect(roublesOf('-1', '500000')).toBe('-1')
  })
})

describe('formatRub', () => {
  it.each([
    ['10608425000', '10 608,43 ₽'],
    ['1990000000', '1 990 ₽'],
    ['1500000', '1,50 ₽'],
    ['500000', '0,50 ₽'],
    ['3581', '0,0036 ₽'],
    ['-99900000', '−99,90 ₽'],
  ])('writes %s as %s', (micro, text) => {
    expect(plain(formatRub(micro, 'ru'))).toBe(text)
  })

  it('writes kopecks', () => {
    expect(plain(formatKopecks('199000', 'ru'))).toBe('1 990 ₽')
    expect(plain(formatKopecks('199050', 'ru'))).toBe('1 990,50 ₽')
  })
})
