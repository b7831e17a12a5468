import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

// Whole screens are drawn on machines that build other things at the same time.
configure({ asyncUtilTimeout: 15_000 })

// The projects run without globals, so Testing Library cannot clean up by itself.
afterEach(cleanup)

// jsdom has no layout: parts that watch their size get one that never changes.
class NoResizeObserver implements ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= NoResizeObserver

// jsdom scrolls nothing; tests that run without it need none.
if (typeof window !== 'undefined') {
  Element.prototype.scrollIntoView ??= () => {}
  window.scrollTo = () => {}
}
