// Bidi overrides and isolates show a text in another order than it is stored; tag characters are invisible
// and can carry instructions past a reader.
const UNSAFE = /[\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/gu
const LONE_SURROGATE = /\p{Surrogate}/gu

/** Removes bidi controls and tag characters from text of unknown origin. Idempotent. */
export function cleanText(text: string): string {
  // Lone surrogates go first: two of them around a removed character would join into a tag character.
  return text.replace(LONE_SURROGATE, '\uFFFD').replace(UNSAFE, '')
}

const encoder = new TextEncoder()

/** Bytes of a text in UTF-8. */
export function utf8Length(text: string): number {
  return encoder.encode(text).length
}
