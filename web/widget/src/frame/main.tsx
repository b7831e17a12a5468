/** @jsxImportSource preact */
import { render } from 'preact'
import { languageOf, readConfig, type WidgetConfig } from '../config'
import { inkOn, isColour, readable } from '../contrast'
import { readToFrame, type ToFrame, type ToHost } from '../port'
import { App, Refusal, type Shell } from './app'
import { Chat } from './core/chat'
import { shakeHands } from './core/handshake'
import { solve } from './core/proof'
import { Store } from './core/store'
import { tokenStore } from './core/token-store'
import { fetchMarkdown } from './parts/lazy-markdown'
import { newProofWorker } from './worker'
import { wordsOf } from './words'
import 'virtual:colours.css'
import './frame.css'

const root = document.getElementById('root')!
const config = readConfig(document.getElementById('config')?.textContent)

/** The grounds that brand-coloured words stand on, as `tokens.css` has them, in sRGB. */
const PAPER = { light: '#fdfdfb', dark: '#161f1f' } as const

/** Colours: the owner's, with an ink that can be read on it. Set by script: style attributes are against our policy. */
function dress({ accent, scheme }: WidgetConfig): void {
  const dark = window.matchMedia('(prefers-color-scheme: dark)')
  const apply = () => {
    const theme = scheme === 'light' || scheme === 'dark' ? scheme : dark.matches ? 'dark' : 'light'
    const { style, dataset } = document.documentElement
    dataset['theme'] = theme
    if (!isColour(accent)) return
    dataset['brand'] = ''
    style.setProperty('--brand', accent)
    style.setProperty('--brand-ink', inkOn(accent))
    style.setProperty('--brand-edge', readable(accent, PAPER[theme], 3))
  }
  apply()
  dark.addEventListener('change', apply)
}

function speak(language: Shell['language'], { title }: WidgetConfig): void {
  document.documentElement.lang = language
  document.title = title || wordsOf(language).title
}

async function begin(config: WidgetConfig): Promise<void> {
  dress(config)
  const chosen = languageOf(config.locale, navigator.language)
  speak(chosen, config)
  const words = wordsOf(chosen)
  if (window.parent === window) {
    render(<Refusal text={words.opened} />, root)
    return
  }
  const greeting = await shakeHands(window, config.origins ?? [])
  if (!greeting.ok) {
    render(<Refusal text={words.foreign} />, root)
    return
  }
  const { port, init, origin } = greeting
  const shell = new Store<Shell>({ language: languageOf(config.locale, init.locale), focus: 0 })
  speak(shell.get().language, config)
  const tell = (message: ToHost) => port.postMessage(message)
  const tokens = tokenStore(config.key, () => window.localStorage, {
    kept: init.token,
    save: (token) => tell({ t: 'token', token }),
    drop: () => tell({ t: 'token', token: '' }),
  })
  const chat = new Chat({
    key: config.key,
    requireIdentity: config.requireIdentity,
    siteOrigin: origin,
    tokens,
    storage: () => window.localStorage,
    solve: (challenge) => solve(challenge, newProofWorker),
    tell,
  })
  port.onmessage = ({ data }: MessageEvent<unknown>) => {
    const message = readToFrame(data)
    if (message) hear(message, chat, shell, config)
  }
  chat.start()
  render(
    <App
      chat={chat}
      shell={shell}
      widgetKey={config.key}
      title={config.title}
      greeting={config.greeting}
      onClose={() => tell({ t: 'state', open: false })}
    />,
    root,
  )
  tell({ t: 'event', name: 'ready' })
  void fetchMarkdown()
}

function hear(message: ToFrame, chat: Chat, shell: Store<Shell>, config: WidgetConfig): void {
  switch (message.t) {
    case 'locale': {
      const language = languageOf(message.locale, '')
      shell.set({ ...shell.get(), language })
      speak(language, config)
      break
    }
    case 'open':
      chat.hear(message)
      if (message.focus) moveIn(shell)
      break
    default:
      chat.hear(message)
  }
}

/** The focus goes to the field; on touch to the heading, for a keyboard that jumps up hides the dialogue. */
function moveIn(shell: Store<Shell>): void {
  if (!window.matchMedia('(pointer: coarse)').matches) {
    shell.set({ ...shell.get(), focus: shell.get().focus + 1 })
    return
  }
  document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
}

if (config) void begin(config)
else render(<Refusal text={`${wordsOf('ru').broken} ${wordsOf('en').broken}`} />, root)
