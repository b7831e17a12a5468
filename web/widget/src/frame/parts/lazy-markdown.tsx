/** @jsxImportSource preact */
import { cleanText } from '@neipix/ui/rules'
import { useEffect, useState } from 'preact/hooks'
import type { Markdown, MarkdownProps } from './markdown'

let ready: typeof Markdown | undefined
let coming: Promise<void> | undefined

/** Fetches the parser: the greeting is on screen without it. */
export function fetchMarkdown(): Promise<void> {
  coming ??= import('./markdown').then(
    (module) => {
      ready = module.Markdown
    },
    () => {
      // Cut off on its way: the words are there all the same, and the next answer asks again.
      coming = undefined
    },
  )
  return coming
}

/** `Markdown` once its parser is there; until then the words as they are written. */
export function LazyMarkdown(props: MarkdownProps) {
  const [Drawn, setDrawn] = useState(() => ready)
  useEffect(() => {
    if (Drawn) return
    let gone = false
    void fetchMarkdown().then(() => {
      if (!gone) setDrawn(() => ready)
    })
    return () => void (gone = true)
  }, [Drawn])
  if (Drawn) return <Drawn {...props} />
  return (
    <p class="plain" dir="auto">
      {cleanText(props.text)}
    </p>
  )
}
