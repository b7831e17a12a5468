import '@testing-library/jest-dom/vitest'
import { cleanup, configure } from '@testing-library/react'
import { afterEach } from 'vitest'

// The projects run without globals, so Testing Library cannot clean up by itself.
afterEach(cleanup)

// What is waited for comes late on a machine that also compiles.
configure({ asyncUtilTimeout: 5000 })

// jsdom has no layout: parts that watch their size get one that never changes.
class NoResizeObserver implements ResizeObserver {
  observe() {}
  unobserve() {}
  disconnect() {}
}
globalThis.ResizeObserver ??= NoResizeObserver
