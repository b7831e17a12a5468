import fc from 'fast-check'
import { expect, test } from 'vitest'
import { NOTHING_YET, grow, soFar, type AnswerText } from './answer-text'

test('pieces that come twice or overlap make the text once, whatever the letters', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }), { maxLength: 12 }),
      fc.array(fc.nat(), { maxLength: 12 }),
      (pieces, repeats) => {
        const frames: { offset: number; text: string }[] = []
        let whole = NOTHING_YET
        for (const text of pieces) {
          frames.push({ offset: whole.bytes, text })
          whole = soFar(whole.text + text)
        }
        let have: AnswerText = NOTHING_YET
        frames.forEach((frame, i) => {
          for (const again of [frame, frames[(repeats[i] ?? 0) % (i + 1)]!]) {
            const grown = grow(have, again.offset, again.text)
            expect(grown).toBeDefined()
            have = grown!
          }
        })
        expect(have).toEqual(whole)
      },
    ),
  )
})

test('a piece that only overlaps adds what is new; one behind a gap adds nothing', () => {
  const have = soFar('Вернуть')
  expect(grow(have, 2, 'ернуть можно')).toEqual(soFar('Вернуть можно'))
  expect(grow(have, 15, 'х')).toBeUndefined()
  // Offsets are bytes: in the middle of a letter there is no place to go on from.
  expect(grow(soFar('a'), 0, 'я')).toBeUndefined()
})
