import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cleanText, utf8Length } from './clean-text'

const BAD = /[\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/u

describe('cleanText', () => {
  it('W-3: removes bidi controls and tag characters, keeps the rest', () => {
    expect(cleanText('счёт\u202Efdp.exe')).toBe('счётfdp.exe')
    expect(cleanText('a\u2066b\u2069c')).toBe('abc')
    expect(cleanText('привет\u{E0041}\u{E007F}!')).toBe('привет!')
    expect(cleanText('👩‍👧 שלום \u200Fнорма')).toBe('👩‍👧 שלום \u200Fнорма')
  })

  it('W-3: lone surrogates cannot join into a tag character', () => {
    expect(cleanText('\uDB40\u202A\uDC41')).toBe('\uFFFD\uFFFD')
  })

  it('W-3: for any string nothing unsafe is left and a second pass changes nothing', () => {
    const hostile = fc.string({
      unit: fc.constantFrom('a', '\uDB40', '\uDC41', '\u202E', '\u2066', '\u{E0020}', 'я', '\n'),
    })
    fc.assert(
      fc.property(fc.oneof(hostile, fc.string({ unit: 'binary' })), (text) => {
        const clean = cleanText(text)
        expect(clean).not.toMatch(BAD)
        expect(cleanText(clean)).toBe(clean)
      }),
    )
  })
})

describe('utf8Length', () => {
  it('counts bytes, not characters', () => {
    expect(utf8Length('abc')).toBe(3)
    expect(utf8Length('где')).toBe(6)
    expect(utf8Length('👍')).toBe(4)
  })
})
