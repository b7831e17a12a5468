import { VERSION, readInit, type Init } from '../../port'

/** Whether a page of `origin` may embed: exact origins, and `https://*.shop.ru` for each name below, not the apex. */
export function mayEmbed(origin: string, allowed: readonly string[]): boolean {
  return allowed.some((pattern) => {
    if (pattern === origin) return isSafe(origin)
    const [scheme, suffix] = pattern.split('//*')
    if (!suffix?.startsWith('.') || !/^https?:$/.test(scheme ?? '')) return false
    const head = `${scheme}//`
    const name = origin.slice(head.length, -suffix.length)
    return (
      isSafe(origin) &&
      origin.startsWith(head) &&
      origin.endsWith(suffix) &&
      /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(name)
    )
  })
}

/** Plain http is for the developer's own machine. */
function isSafe(origin: string): boolean {
  return /^https:\/\//.test(origin) || /^http:\/\/([a-z0-9-]+\.)*localhost(:\d+)?$/.test(origin)
}

/** A window as far as the handshake needs it. */
export interface Frame {
  readonly parent: { postMessage(message: unknown, targetOrigin: string): void }
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void
  removeEventListener(type: 'message', listener: (event: MessageEvent) => void): void
}

/** What the handshake ended with. */
export type Greeting =
  | { readonly ok: true; readonly init: Init; readonly origin: string; readonly port: MessagePort }
  /** A page that is not on the list answered. */
  | { readonly ok: false; readonly origin: string }

/**
 * Says to the page around us that we are here, and takes one answer: of the window above us, from a listed origin,
 * with a port. After that nothing but the port is listened to.
 */
export function shakeHands(frame: Frame, allowed: readonly string[]): Promise<Greeting> {
  return new Promise((done) => {
    const listen = (event: MessageEvent) => {
      if (event.source !== (frame.parent as MessageEventSource)) return
      const init = readInit(event.data)
      const port = event.ports[0]
      if (!init || !port || event.ports.length !== 1) return
      frame.removeEventListener('message', listen)
      const ok = mayEmbed(event.origin, allowed)
      if (!ok) port.close()
      done(ok ? { ok, init, origin: event.origin, port } : { ok, origin: event.origin })
    }
    frame.addEventListener('message', listen)
    // There is nothing secret in it, and who stands above is not known yet.
    frame.parent.postMessage({ neipix: 'ready', v: VERSION }, '*')
  })
}
