import { useEffect, useState } from 'react'
import { cleanText } from './clean-text'

/** The answer of the AI as far as a screen reader needs to know. */
export type SpokenAnswer =
  { readonly state: 'streaming'; readonly label: string } | { readonly state: 'done'; readonly text: string }

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

/** What to say: once that an answer is being written, once its text. Answers that were there before say nothing. */
export function useSpokenAnswer(answer: SpokenAnswer | undefined): string {
  const [begun, setBegun] = useState(false)
  if (answer?.state === 'streaming' && !begun) setBegun(true)
  if (!answer) return ''
  if (answer.state === 'streaming') return answer.label
  return begun ? spokenText(answer.text) : ''
}

/** True while `on`, and for a while after. */
export function useTrailing(on: boolean, ms: number): boolean {
  const [held, setHeld] = useState(on)
  if (on && !held) setHeld(true)
  useEffect(() => {
    if (on || !held) return
    const timer = setTimeout(() => setHeld(false), ms)
    return () => clearTimeout(timer)
  }, [on, held, ms])
  return on || held
}
