import { languageOf } from '../config'

/** What the button and the frame's box look like. */
export interface Look {
  readonly side: 'left' | 'right'
  readonly accent: string
  readonly ink: string
  readonly locale: string
  readonly title: string
  readonly onToggle: () => void
}

/** What stands in the page. */
export interface Parts {
  readonly host: HTMLElement
  readonly launcher: HTMLElement
  show(state: { readonly open: boolean; readonly unread: number; readonly full: boolean }): void
  /** Puts the box into the part of the window that can be seen; without it, back to its corner. */
  fit(view: VisualViewport | undefined): void
  frame(src: string): HTMLIFrameElement
}

const css = ({ side, accent, ink }: Look) => `
:host{all:initial!important;position:fixed!important;z-index:2147483000!important;${side}:20px!important;bottom:20px!important}
@media print{:host{display:none!important}}
button{display:grid;place-items:center;width:56px;height:56px;border:0;border-radius:16px;background:${accent};color:${ink};cursor:pointer;box-shadow:0 0 0 1px #0002,0 8px 24px -6px #0006}
button:focus-visible{outline:3px solid ${accent};box-shadow:0 0 0 3px #fff;outline-offset:3px}
svg{width:28px;fill:none;stroke:currentColor;stroke-width:2}
b{position:absolute;top:-6px;right:-6px;min-width:12px;padding:0 5px;border-radius:16px;background:#b22;color:#fff;font:600 13px/22px system-ui}
div{position:fixed;${side}:20px;bottom:88px;width:390px;height:min(640px,100vh - 108px);border-radius:16px;overflow:hidden;background:Canvas;color-scheme:light dark;box-shadow:0 0 0 1px #0002,0 8px 24px -6px #0006}
iframe{width:100%;height:100%;border:0}
.full{inset:0;width:100%;height:100%;border-radius:0}
[hidden]{display:none}`

const WORDS = {
  ru: { open: 'Открыть чат', close: 'Закрыть чат', unread: 'новых' },
  en: { open: 'Open the chat', close: 'Close the chat', unread: 'new' },
}

const BUBBLE = 'M5 5h14v10h-7l-4 4v-4H5z'
const CROSS = 'M6 6l12 12M18 6L6 18'

/** Draws into a closed root of our own, by means that the strictest policies of sites allow. */
export function draw(look: Look): Parts {
  const words = WORDS[languageOf('', look.locale)]
  const host = document.createElement('neipix-widget')
  const root = host.attachShadow({ mode: 'closed' })
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(css(look))
  root.adoptedStyleSheets = [sheet]

  const add = <K extends keyof HTMLElementTagNameMap>(tag: K, parent: Node = root) =>
    parent.appendChild(document.createElement(tag))
  const launcher = add('button')
  const box = add('div')
  box.ariaLabel = look.title || words.open
  launcher.onclick = look.onToggle
  const shape = (tag: string, parent: Node) =>
    parent.appendChild(document.createElementNS('http://www.w3.org/2000/svg', tag))
  const icon = shape('svg', launcher)
  icon.setAttribute('viewBox', '0 0 24 24')
  icon.ariaHidden = 'true'
  const path = shape('path', icon)
  const count = add('b', launcher)
  count.ariaHidden = 'true'

  const edges: HTMLElement[] = []
  const parts: Parts = {
    host,
    launcher,
    show({ open, unread, full }) {
      box.hidden = !open
      box.className = full ? 'full' : ''
      for (const edge of edges) edge.hidden = !full
      launcher.hidden = open && full
      launcher.ariaExpanded = String(open)
      launcher.ariaLabel = open ? words.close : words.open + (unread ? `, ${words.unread}: ${unread}` : '')
      path.setAttribute('d', open ? CROSS : BUBBLE)
      count.hidden = open || !unread
      count.textContent = unread > 99 ? '99+' : String(unread)
      box.role = full ? 'dialog' : 'group'
      box.ariaModal = full ? 'true' : null
    },
    fit(view) {
      box.style.height = view ? `${view.height}px` : ''
      box.style.top = view ? `${view.offsetTop}px` : ''
    },
    frame(src) {
      const edge = () => {
        const stop = add('span', box)
        stop.tabIndex = 0
        // A full-screen dialogue keeps the focus: who walks out at one end comes in again.
        stop.onfocus = () => frame.focus()
        edges.push(stop)
      }
      edge()
      const frame = add('iframe', box)
      frame.title = box.ariaLabel!
      frame.setAttribute(
        'sandbox',
        'allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-downloads',
      )
      frame.referrerPolicy = 'origin'
      frame.src = src
      edge()
      return frame
    },
  }
  parts.show({ open: false, unread: 0, full: false })
  document.body.append(host)
  stayIn(host)
  return parts
}

/** Sites that swap their body, or empty it, take us out with it: we come back. */
function stayIn(host: HTMLElement): void {
  const observer = new MutationObserver(() => {
    if (host.isConnected || !document.body) return
    document.body.append(host)
    watch()
  })
  const watch = () => {
    observer.disconnect()
    observer.observe(document.documentElement, { childList: true })
    observer.observe(document.body, { childList: true })
  }
  watch()
}
