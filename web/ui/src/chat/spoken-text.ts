import { cleanText } from './clean-text'

const SPOKEN_LENGTH = 300

/** The beginning of a text for the ear: marks of Markdown left out, cut at a word. */
export function spokenText(text: string): string {
  // Twice the length is enough to cut from: a long answer must not be worked through for its beginning.
  const words = cleanText(text.slice(0, SPOKEN_LENGTH * 4))
    .replace(/[*_`#>|~]/g, '')
    .replace(/\s+/g, ' ')
    .trim()
  if (words.length <= SPOKEN_LENGTH) return words
  const cut = words.slice(0, SPOKEN_LENGTH)
  return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), 1))}…`
}
