import type { WidgetConfig } from '../config'
import { inkOn } from '../contrast'
import { readToHost, VERSION, type EventName, type ToFrame } from '../port'
import { draw, type Parts } from './draw'
import { lockBody } from './lock'

/** Put in by the edge; the words stay as they are where it has not been. */
declare const __NEIPIX_WIDGET_CONFIG__: WidgetConfig

type Listener = (detail: unknown) => void
interface Api {
  (...call: unknown[]): void
  q?: ArrayLike<unknown>[]
  on?: true
}
declare global {
  interface Window {
    Neipix?: Api
  }
}

function start(config: WidgetConfig, origin: string): void {
  const listeners: Partial<Record<EventName | 'unread', Listener[]>> = {}
  /** What the page has said before the frame could hear it. */
  const early: ToFrame[] = []
  let port: MessagePort | undefined
  let frame: HTMLIFrameElement | undefined
  let parts: Parts | undefined
  let open = false
  let unread = 0
  let unlock: (() => void) | undefined
  let title: string | undefined
  const kept = `npx:${config.key}`

  const store = (work: (storage: Storage) => unknown) => {
    try {
      return work(localStorage)
    } catch {
      return undefined
    }
  }
  const keep = (token: string) =>
    store((storage) => (token ? storage.setItem(kept, token) : storage.removeItem(kept)))
  const emit = (name: EventName | 'unread', detail?: unknown) =>
    listeners[name]?.forEach((listener) => {
      try {
        listener(detail)
      } catch (error) {
        console.error(error)
      }
    })
  const tell = (message: ToFrame) => (port ? port.postMessage(message) : void early.push(message))

  const phone = matchMedia('(max-width:640px)')
  const show = () => {
    parts?.show({ open, unread, full: phone.matches })
    if (open && phone.matches) unlock ??= lockBody()
    else unlock = void unlock?.()
    fit()
  }

  // A keyboard shrinks only the visual viewport, and only the page can see it: the frame gets what is left.
  const fit = () => parts?.fit(open && phone.matches ? visualViewport! : undefined)

  const toggle = (on: boolean, deed: boolean) => {
    if (on === open || !parts) return
    open = on
    if (on) frame ??= parts.frame(`${origin}/f/${config.key}`)
    tell(on ? { t: 'open', focus: deed } : { t: 'close' })
    show()
    if (on && deed) frame?.focus()
    if (!on && document.activeElement === parts.host) parts.launcher.focus()
    emit(on ? 'open' : 'close')
  }

  addEventListener('message', ({ source, origin: from, data }) => {
    if (!frame || source !== frame.contentWindow || from !== origin) return
    if (data?.neipix !== 'ready' || data.v !== VERSION) return
    const { port1, port2 } = new MessageChannel()
    port?.close()
    port = port1
    port.onmessage = (event) => hear(event.data)
    const token = store((storage) => storage.getItem(kept)) as string | null | undefined
    frame.contentWindow!.postMessage(
      {
        neipix: 'init',
        v: VERSION,
        locale: document.documentElement.lang.slice(0, 35),
        url: location.href.slice(0, 4096),
        ...(token && { token }),
      },
      origin,
      [port2],
    )
    early.splice(0).forEach(tell)
  })

  const hear = (data: unknown) => {
    const message = readToHost(data)
    if (!message) return
    if (message.t === 'state') toggle(message.open, true)
    else if (message.t === 'event') emit(message.name)
    else if (message.t === 'unread') {
      unread = message.n
      show()
      badge()
      emit('unread', unread)
    } else {
      keep(message.token)
    }
  }

  const badge = () => {
    if (unread && document.hidden) {
      title ??= document.title
      document.title = `(${unread}) ${title}`
    } else if (title !== undefined) {
      document.title = title
      title = undefined
    }
  }
  document.addEventListener('visibilitychange', badge)

  const calls = window.Neipix?.q ?? []
  const api: Api = (name, value, listener) => {
    if (name === 'open') toggle(true, navigator.userActivation?.isActive ?? false)
    else if (name === 'close') toggle(false, false)
    else if (name === 'identify') tell({ t: 'identify', jwt: String(value) })
    else if (name === 'reset') {
      keep('')
      tell({ t: 'reset' })
    } else if (name === 'locale') tell({ t: 'locale', locale: String(value) })
    else if (name === 'on' && typeof listener === 'function') {
      ;(listeners[value as EventName] ??= []).push(listener as Listener)
    }
  }
  api.on = true
  window.Neipix = api

  const begin = () => {
    // The server takes nothing but #rrggbb.
    const accent = config.accent || '#006752'
    parts = draw({
      side: config.side === 'left' ? 'left' : 'right',
      accent,
      ink: inkOn(accent),
      locale: config.locale || document.documentElement.lang,
      title: config.title,
      onToggle: () => toggle(!open, true),
    })
    phone.addEventListener('change', show)
    visualViewport!.addEventListener('resize', fit)
    visualViewport!.addEventListener('scroll', fit)
    for (const call of Array.from(calls)) api(...Array.from(call))
  }
  if (document.body) begin()
  else addEventListener('DOMContentLoaded', begin)
}

const script = document.currentScript
// A second inclusion changes nothing.
if (script instanceof HTMLScriptElement && !window.Neipix?.on) {
  start(__NEIPIX_WIDGET_CONFIG__, new URL(script.src).origin)
}
