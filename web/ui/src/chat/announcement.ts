import { useEffect, useState } from 'react'
import { spokenText } from './spoken-text'

/** The answer of the AI as far as a screen reader needs to know. */
export type SpokenAnswer =
  { readonly state: 'streaming'; readonly label: string } | { readonly state: 'done'; readonly text: string }

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
