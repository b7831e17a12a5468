/**
 * The text of an answer while it is written. The server counts offsets in bytes of UTF-8, so the length in bytes is
 * kept beside the text.
 */
export interface AnswerText {
  readonly text: string
  readonly bytes: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export const NOTHING_YET: AnswerText = { text: '', bytes: 0 }

/** The text so far, as a `partial` frame brings it. */
export function soFar(text: string): AnswerText {
  return { text, bytes: encoder.encode(text).length }
}

/**
 * Adds a piece that begins at `offset`. What is there already is left out, whether the piece comes twice or only
 * overlaps; `undefined` where something before it is missing.
 */
export function grow(have: AnswerText, offset: number, piece: string): AnswerText | undefined {
  const bytes = encoder.encode(piece)
  const known = have.bytes - offset
  if (known < 0) return undefined
  if (known >= bytes.length) return have
  const fresh = bytes.subarray(known)
  try {
    return { text: have.text + decoder.decode(fresh), bytes: have.bytes + fresh.length }
  } catch {
    // The known text ends in the middle of a character of this piece: they are not of one answer.
    return undefined
  }
}
