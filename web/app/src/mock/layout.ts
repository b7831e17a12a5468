import { configure } from '@testing-library/react'
import { afterEach, beforeEach, vi } from 'vitest'

/** jsdom lays nothing out; virtual rows ask for the size of their container. Call it at the top of a test file. */
export function withLayout(): void {
  // Whole screens in a simulated browser, on machines that do other work too.
  // What stands there is looked for by its role; whether an ancestor hides it costs seconds in a whole screen.
  configure({ asyncUtilTimeout: 10_000, defaultHidden: true })
  vi.setConfig({ testTimeout: 60_000 })
  beforeEach(() => {
    vi.spyOn(HTMLElement.prototype, 'clientHeight', 'get').mockReturnValue(700)
    vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(700)
    vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(320)
    HTMLElement.prototype.scrollTo = function scrollTo(this: HTMLElement, to?: ScrollToOptions | number) {
      const top = typeof to === 'object' ? (to.top ?? 0) : 0
      if (top === this.scrollTop) return
      this.scrollTop = top
      this.dispatchEvent(new Event('scroll'))
    }
  })
  afterEach(() => void vi.restoreAllMocks())
}
