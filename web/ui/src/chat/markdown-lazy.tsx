import { Suspense, lazy } from 'react'
import type { MarkdownProps } from './markdown'
import { PlainText } from './plain-text'

const Markdown = lazy(() => import('./markdown').then((module) => ({ default: module.Markdown })))

/** `Markdown` whose parser is fetched at its first use; until it is there the text stands as it is written. */
export function LazyMarkdown(props: MarkdownProps) {
  return (
    <Suspense fallback={<PlainText text={props.text} />}>
      <Markdown {...props} />
    </Suspense>
  )
}
