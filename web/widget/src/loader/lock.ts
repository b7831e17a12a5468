/** Keeps the page behind a full-screen chat where it is. On iOS `overflow` alone does not; gives back what takes it off. */
export function lockBody(): () => void {
  const { style } = document.body
  const top = scrollY
  const before = { position: style.position, top: style.top, width: style.width }
  Object.assign(style, { position: 'fixed', top: `${-top}px`, width: '100%' })
  return () => {
    Object.assign(style, before)
    scrollTo({ top, behavior: 'instant' })
  }
}
