import '@testing-library/jest-dom/vitest'
import { cleanup } from '@testing-library/react'
import { afterEach } from 'vitest'

// The projects run without globals, so Testing Library cannot clean up by itself.
afterEach(cleanup)

// jsdom has no layout: parts that watch their size get one that never changes.
class NoResizeObserver implements ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= NoResizeObserver
