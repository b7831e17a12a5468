import { act, fireEvent, render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useState, type ReactNode } from 'react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Transcript, type TranscriptProps } from './transcript'

interface Message {
  readonly id: string
  readonly text: string
}

// Real frames pass here: a loaded machine may take its time.
vi.setConfig({ testTimeout: 30_000 })

const ROW = 50
const BOX = 500
const messages = (from: number, to: number): Message[] =>
  Array.from({ length: to - from }, (_, i) => ({ id: `m${from + i}`, text: `сообщение ${from + i}` }))
const keyOf = (message: Message) => message.id
const LABELS: TranscriptProps<Message>['labels'] = {
  name: 'Диалог',
  newMessages: (count) => `Новые: ${count}`,
  toEnd: 'К последним',
  loadingOlder: 'Загружаем',
}

/** jsdom has no layout: a box of 500 px, rows of 50 px, a height that follows the list, scrolling by hand. */
function stubLayout() {
  const number = (name: string, get: (this: HTMLElement) => number) =>
    vi.spyOn(HTMLElement.prototype, name as 'offsetHeight', 'get').mockImplementation(get)
  const element = (name: 'clientHeight' | 'clientWidth' | 'scrollHeight', get: (this: Element) => number) =>
    vi.spyOn(Element.prototype, name, 'get').mockImplementation(get)
  number('offsetHeight', () => ROW)
  element('clientHeight', () => BOX)
  element('clientWidth', () => 400)
  element('scrollHeight', function () {
    const inner = this.firstElementChild
    return inner instanceof HTMLElement ? Math.max(parseFloat(inner.style.height) || 0, BOX) : BOX
  })
  Element.prototype.scrollTo = function (this: Element, options?: ScrollToOptions | number) {
    if (typeof options !== 'object') return
    const max = this.scrollHeight - this.clientHeight
    this.scrollTop = Math.min(Math.max(options.top ?? 0, 0), max)
    requestAnimationFrame(() => fireEvent.scroll(this))
  }
}

const log = () => screen.getByRole('log', { name: 'Диалог' })
const fromEnd = () => log().scrollHeight - log().clientHeight - log().scrollTop

async function settle() {
  await act(async () => {
    for (let i = 0; i < 12; i += 1) await new Promise((done) => requestAnimationFrame(done))
  })
}

function scrollTo(top: number) {
  act(() => {
    log().scrollTop = top
    fireEvent.scroll(log())
  })
}

/** Where a row stands in the window, or null if it is not drawn. */
function placeOf(text: string): number | null {
  const row = screen.queryByText(text)?.closest<HTMLElement>('[data-index]')
  const start = /translateY\((-?[\d.]+)px\)/.exec(row?.style.transform ?? '')?.[1]
  return start === undefined ? null : Number(start) - log().scrollTop
}

function List(props: Partial<TranscriptProps<Message>> & { readonly items: readonly Message[] }): ReactNode {
  return (
    <Transcript keyOf={keyOf} labels={LABELS} {...props}>
      {(message) => <article>{message.text}</article>}
    </Transcript>
  )
}

let realScrollTo: typeof Element.prototype.scrollTo

beforeEach(() => {
  realScrollTo = Element.prototype.scrollTo
  stubLayout()
})
afterEach(() => {
  Element.prototype.scrollTo = realScrollTo
  vi.restoreAllMocks()
})

describe('Transcript', () => {
  it('draws a few of 10,000 messages and begins at the end', async () => {
    render(<List items={messages(0, 10_000)} />)
    await settle()
    expect(fromEnd()).toBeLessThanOrEqual(1)
    expect(screen.getByText('сообщение 9999')).toBeInTheDocument()
    expect(screen.queryByText('сообщение 0')).not.toBeInTheDocument()
    expect(screen.getAllByRole('article').length).toBeLessThan(60)
  })

  it('is a polite log of additions', async () => {
    render(<List items={messages(0, 5)} />)
    await settle()
    expect(log()).toHaveAttribute('aria-live', 'polite')
    expect(log()).toHaveAttribute('aria-relevant', 'additions')
    expect(log()).toHaveAttribute('aria-busy', 'false')
    expect(log()).toHaveAttribute('tabindex', '0')
  })

  it('follows the end while the reader is within 80 px of it', async () => {
    const view = render(<List items={messages(0, 100)} />)
    await settle()
    scrollTo(log().scrollTop - 70)
    view.rerender(<List items={messages(0, 103)} />)
    await settle()
    expect(fromEnd()).toBeLessThanOrEqual(1)
    expect(screen.queryByRole('button')).not.toBeInTheDocument()
  })

  it('does not move a reader above that, counts what has come and goes there on request', async () => {
    const view = render(<List items={messages(0, 100)} countsAsNew={(message) => message.id !== 'm101'} />)
    await settle()
    scrollTo(log().scrollTop - 200)
    const before = log().scrollTop
    expect(screen.getByRole('button', { name: 'К последним' })).toBeInTheDocument()
    view.rerender(<List items={messages(0, 104)} countsAsNew={(message) => message.id !== 'm101'} />)
    await settle()
    expect(log().scrollTop).toBe(before)
    await userEvent.click(screen.getByRole('button', { name: 'Новые: 3' }))
    await settle()
    expect(fromEnd()).toBeLessThanOrEqual(1)
    expect(screen.queryByRole('button')).not.toBeInTheDocument()
    expect(log()).toHaveFocus()
  })

  it('is not live for a reader above the end, where scrolling brings old rows into the page', async () => {
    render(<List items={messages(0, 100)} />)
    await settle()
    scrollTo(1000)
    expect(log()).toHaveAttribute('aria-live', 'off')
  })

  it('asks for older messages near the top, once, and keeps the row in its place when they come', async () => {
    const onLoad = vi.fn()
    const older = { loading: false, onLoad }
    const view = render(<List items={messages(100, 200)} older={older} />)
    await settle()
    expect(onLoad).not.toHaveBeenCalled()
    scrollTo(100)
    scrollTo(90)
    expect(onLoad).toHaveBeenCalledOnce()
    await settle()
    const before = placeOf('сообщение 102')
    expect(before).not.toBeNull()
    view.rerender(<List items={messages(100, 200)} older={{ loading: true, onLoad }} />)
    expect(screen.getByText('Загружаем')).toBeInTheDocument()
    view.rerender(<List items={messages(50, 200)} older={older} />)
    await settle()
    expect(placeOf('сообщение 102')).toBe(before)
  })

  it('asks for older messages when there are too few to scroll', async () => {
    const onLoad = vi.fn()
    render(<List items={messages(0, 2)} older={{ loading: false, onLoad }} />)
    await settle()
    expect(onLoad).toHaveBeenCalledOnce()
  })

  it('shows an empty conversation', async () => {
    render(<List items={[]} />)
    await settle()
    expect(within(log()).queryByRole('article')).not.toBeInTheDocument()
  })

  it('lets its owner go to the end', async () => {
    let toEnd = () => {}
    const ref = (handle: { readonly scrollToEnd: () => void } | null) => {
      if (handle) toEnd = handle.scrollToEnd
    }
    render(<List items={messages(0, 100)} ref={ref} />)
    await settle()
    scrollTo(500)
    act(() => toEnd())
    await settle()
    expect(fromEnd()).toBeLessThanOrEqual(1)
  })
})

describe('what is said', () => {
  const status = () => document.querySelector('[data-slot=announcer]')?.textContent

  function Answering({ text, done }: { readonly text: string; readonly done: boolean }) {
    const [items] = useState(() => messages(0, 3))
    const answer = done
      ? ({ state: 'done', text } as const)
      : ({ state: 'streaming', label: 'Нейросотрудник отвечает' } as const)
    return <List items={items} answer={answer} />
  }

  it('once that an answer is being written, once its beginning, never the tokens', async () => {
    const heard: string[] = []
    const view = render(<Answering text="" done={false} />)
    const listen = () => {
      const said = status() ?? ''
      if (said !== heard.at(-1)) heard.push(said)
    }
    listen()
    expect(log()).toHaveAttribute('aria-busy', 'true')
    for (const text of ['Мы', 'Мы работаем', 'Мы работаем **ежедневно**']) {
      view.rerender(<Answering text={text} done={false} />)
      listen()
    }
    view.rerender(<Answering text={'Мы работаем **ежедневно** '.repeat(40)} done />)
    listen()
    expect(heard).toHaveLength(2)
    expect(heard[0]).toBe('Нейросотрудник отвечает')
    expect(heard[1]).toMatch(/^Мы работаем ежедневно .{200,280}…$/)
  })

  it('nothing about an answer that was there before', () => {
    render(<Answering text="Давний ответ" done />)
    expect(status()).toBe('')
  })

  it('errors at once', () => {
    render(<List items={messages(0, 1)} alert="Сообщение не отправлено" />)
    expect(screen.getByRole('alert')).toHaveTextContent('Сообщение не отправлено')
  })
})
