import { NOTHING_YET, type AnswerText } from '@neipix/api'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text after a delta of the test dialogue: what stood behind its offset is forgotten, since another try writes it
 * anew. `undefined` where something before it is missing.
 */
export function written(have: AnswerText, offset: number, piece: string): AnswerText | undefined {
  if (offset > have.bytes) return undefined
  const base = offset === have.bytes ? have : cut(have, offset)
  return base && { text: base.text + piece, bytes: base.bytes + encoder.encode(piece).length }
}

function cut(have: AnswerText, offset: number): AnswerText | undefined {
  if (offset === 0) return NOTHING_YET
  try {
    return { text: decoder.decode(encoder.encode(have.text).subarray(0, offset)), bytes: offset }
  } catch {
    // In the middle of a character: the offset is of another text.
    return undefined
  }
}
