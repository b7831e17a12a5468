/*
 * What host page and frame say to each other over their port: a closed list, checked on both sides. There is no
 * «send this text as the visitor»: a page must not put words into somebody's mouth.
 */

/** The version of the handshake and of the messages. */
export const VERSION = 1

/** No message is larger, in bytes of JSON: each field has a bound. */
export const MESSAGE_BYTES = 16 * 1024

/** The first answer of the loader to a frame that is ready. */
export interface Init {
  readonly neipix: 'init'
  readonly v: typeof VERSION
  /** The language of the page, such as `ru` or `en-GB`; empty = unknown. */
  readonly locale: string
  /** The address of the page. */
  readonly url: string
  /** The copy of an anonymous visitor's token that the page's storage kept. */
  readonly token?: string
}

/** Host page → frame. */
export type ToFrame =
  /** `focus`: somebody did it by a deed of their own, so the focus may move. */
  | { readonly t: 'open'; readonly focus: boolean }
  | { readonly t: 'close' }
  | { readonly t: 'identify'; readonly jwt: string }
  | { readonly t: 'reset' }
  | { readonly t: 'locale'; readonly locale: string }

/** Names of what a page can listen to. */
export const EVENTS = ['ready', 'open', 'close', 'message', 'sent', 'identified', 'identify_failed'] as const
/** One of {@link EVENTS}. */
export type EventName = (typeof EVENTS)[number]

/** Frame → host page. */
export type ToHost =
  | { readonly t: 'state'; readonly open: boolean }
  | { readonly t: 'unread'; readonly n: number }
  | { readonly t: 'event'; readonly name: EventName }
  /** Keep an anonymous visitor's token for us; empty = drop it. */
  | { readonly t: 'token'; readonly token: string }

type Test = (value: unknown) => boolean
type Shape = Readonly<Record<string, Test>>

/** Letters of ASCII, at most so many: by this alone no message can grow beyond {@link MESSAGE_BYTES}. */
const text =
  (most: number, least = 0): Test =>
  (value) =>
    typeof value === 'string' && value.length >= least && value.length <= most && /^[ -~]*$/.test(value)
const flag: Test = (value) => typeof value === 'boolean'

const TO_FRAME: readonly Shape[] = [
  { t: is('open'), focus: flag },
  { t: is('close') },
  { t: is('identify'), jwt: text(4096, 1) },
  { t: is('reset') },
  { t: is('locale'), locale: text(35) },
]

const INIT: readonly Shape[] = [
  { neipix: is('init'), v: is(VERSION), locale: text(35), url: text(4096) },
  { neipix: is('init'), v: is(VERSION), locale: text(35), url: text(4096), token: text(100, 1) },
]

function is(known: unknown): Test {
  return (value) => value === known
}

/** The value, if it has exactly the fields of one of the shapes. */
function read(shapes: readonly Shape[], value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const fields = Object.entries(value)
  const fits = (shape: Shape) =>
    fields.length === Object.keys(shape).length &&
    fields.every(([name, one]) => Object.hasOwn(shape, name) && shape[name]!(one))
  return shapes.some(fits) ? value : undefined
}

/** A message of the host page; `undefined` for what is not one, which is to be dropped in silence. */
export function readToFrame(value: unknown): ToFrame | undefined {
  return read(TO_FRAME, value) as ToFrame | undefined
}

/** A message of the frame; `undefined` for what is not one. Written out: every site loads this. */
export function readToHost(value: unknown): ToHost | undefined {
  const message = Object(value) as Record<string, unknown>
  const { t, open, n, name, token } = message
  const fields = Object.keys(message).sort().join()
  const fits =
    (t === 'state' && fields === 'open,t' && typeof open === 'boolean') ||
    (t === 'unread' && fields === 'n,t' && Number.isSafeInteger(n) && (n as number) >= 0) ||
    (t === 'event' && fields === 'name,t' && EVENTS.includes(name as EventName)) ||
    (t === 'token' && fields === 't,token' && typeof token === 'string' && /^[!-~]{0,100}$/.test(token))
  return fits ? (value as ToHost) : undefined
}

/** The loader's first answer; `undefined` for what is not one. */
export function readInit(value: unknown): Init | undefined {
  return read(INIT, value) as Init | undefined
}
