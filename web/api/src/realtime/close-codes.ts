/** What to do when a socket has closed. */
export type AfterClose =
  | { readonly then: 'stop'; readonly why: 'done' | 'forbidden' | 'protocol' }
  /** A new ticket and resume; at least and at most after so many milliseconds, beside the usual back-off. */
  | { readonly then: 'reconnect'; readonly least: number; readonly spread: number }
  /** The access token is no longer good: refresh first. */
  | { readonly then: 'refresh' }

const RECONNECT: AfterClose = { then: 'reconnect', least: 0, spread: 0 }

/** Decides by the close code. Unknown codes are taken for a lost connection. */
export function afterClose(code: number, reason: string): AfterClose {
  switch (code) {
    case 1000:
      return { then: 'stop', why: 'done' }
    case 1001:
    case 1012:
      // Everybody of a server that goes away must not come back at once.
      return { then: 'reconnect', least: 0, spread: 10_000 }
    case 1002:
    case 1003:
    case 1007:
    case 1009:
    case 1010:
      return { then: 'stop', why: 'protocol' }
    case 1008:
    case 4003:
      return { then: 'stop', why: 'forbidden' }
    case 1013:
      return { then: 'reconnect', least: 10_000, spread: 0 }
    case 4001:
      return { then: 'refresh' }
    case 4029: {
      const seconds = Number(reason)
      const least = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 600) * 1000 : 10_000
      return { then: 'reconnect', least, spread: 0 }
    }
    default:
      return RECONNECT
  }
}
