/** @jsxImportSource preact */
import { cleanText } from '@neipix/ui/rules'
import { useEffect, useState } from 'preact/hooks'
import type { Chat, View } from './core/chat'
import { Composer } from './parts/composer'
import { Icon } from './parts/icons'
import { Log } from './parts/log'
import { Portrait } from './parts/portrait'
import type { Store } from './core/store'
import { LanguageContext, troubleIn, useWords, type Language } from './words'

/** What the host page decides, beside the dialogue itself. */
export interface Shell {
  readonly language: Language
  /** Grows each time somebody opens the chat with a deed of their own. */
  readonly focus: number
}

const LATE_MS = 2500

interface AppProps {
  readonly chat: Chat
  readonly shell: Store<Shell>
  readonly widgetKey: string
  readonly title: string
  readonly greeting: string
  readonly onClose: () => void
}

/** The whole frame. */
export function App(props: AppProps) {
  const shell = useStore(props.shell)
  return (
    <LanguageContext.Provider value={shell.language}>
      <Conversation {...props} focus={shell.focus} />
    </LanguageContext.Provider>
  )
}

/** A page that cannot show a dialogue says why. */
export function Refusal({ text }: { readonly text: string }) {
  return (
    <main class="refusal">
      <p role="alert">{text}</p>
    </main>
  )
}

function Conversation({
  chat,
  widgetKey,
  title,
  greeting,
  onClose,
  focus,
}: AppProps & { readonly focus: number }) {
  const words = useWords()
  const view = useStore(chat.store)
  const offline = useOffline(view)
  const blocked = view.phase === 'blocked' ? troubleIn(words, view.trouble) : undefined
  const trouble = view.phase !== 'blocked' && view.trouble !== '' ? troubleIn(words, view.trouble) : ''
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !event.isComposing) onClose()
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [onClose])
  return (
    <main>
      <Header view={view} title={cleanText(title) || words.title} widgetKey={widgetKey} onClose={onClose} />
      <Log
        view={view}
        faceOf={widgetKey}
        greeting={cleanText(greeting)}
        onOlder={() => chat.loadOlder()}
        onAgain={(id) => chat.again(id)}
        onDiscard={(id) => chat.discard(id)}
      />
      <div class="banner" role="status">
        {offline && <p>{words.offline}</p>}
      </div>
      <div class="banner wrong" role="alert">
        {trouble && !offline && <p>{trouble}</p>}
      </div>
      <Composer
        onSend={(text) => chat.send(text)}
        onInput={() => chat.wrote()}
        blocked={blocked}
        focus={focus}
      />
    </main>
  )
}

function Header(props: {
  readonly view: View
  readonly title: string
  readonly widgetKey: string
  readonly onClose: () => void
}) {
  const words = useWords()
  const { handler } = props.view.dialogue
  const human = handler === 'operator'
  const who = human ? words.byOperator : handler === 'nobody' ? words.byNobody : words.byAssistant
  return (
    <header>
      <Portrait id={`${props.widgetKey}:${human ? 'human' : 'ai'}`} voice={human ? 'human' : 'ai'} />
      <div class="who">
        <h1 tabIndex={-1}>{props.title}</h1>
        <p role="status">{who}</p>
      </div>
      <button type="button" class="close" aria-label={words.close} onClick={props.onClose}>
        <Icon name="close" />
      </button>
    </header>
  )
}

/** Told at once where the system knows it, else when the stream has not come back for a while. */
function useOffline(view: View): boolean {
  const [down, setDown] = useState(!navigator.onLine)
  const [late, setLate] = useState(false)
  // Each try passes through both: the time counts from the first.
  const broken = view.link === 'waiting' || view.link === 'connecting'
  useEffect(() => {
    const told = () => setDown(!navigator.onLine)
    window.addEventListener('online', told)
    window.addEventListener('offline', told)
    return () => {
      window.removeEventListener('online', told)
      window.removeEventListener('offline', told)
    }
  }, [])
  useEffect(() => {
    if (!broken) return
    const timer = setTimeout(() => setLate(true), LATE_MS)
    return () => {
      clearTimeout(timer)
      setLate(false)
    }
  }, [broken])
  return down || late
}

function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.get)
  useEffect(() => {
    setValue(store.get)
    return store.watch(() => setValue(store.get))
  }, [store])
  return value
}
