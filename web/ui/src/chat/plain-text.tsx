import { cn } from '../cn'
import { cleanText } from './clean-text'

/** Text shown exactly as written, line breaks kept: what people write, and a model's text before its parser is there. */
export function PlainText({ text, className }: { readonly text: string; readonly className?: string }) {
  return (
    <p data-slot="plain-text" dir="auto" className={cn('break-words whitespace-pre-wrap', className)}>
      {cleanText(text)}
    </p>
  )
}
