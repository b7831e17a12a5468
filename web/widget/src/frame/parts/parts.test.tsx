/** @jsxImportSource preact */
import { fireEvent, screen, waitFor } from '@testing-library/dom'
import { render } from 'preact'
import { act } from 'preact/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import type { View } from '../core/chat'
import { EMPTY, type Said } from '../core/dialogue'
import type { Author, WireCitation } from '../core/server'
import { Composer } from './composer'
import { dayOf } from './dates'
import { Log } from './log'
import { Markdown } from './markdown'
import { en } from '../words/en'
import { ru } from '../words/ru'

afterEach(() => {
  render(null, document.body)
  document.body.replaceChildren()
})

const show = (tree: Parameters<typeof render>[0]) => act(() => render(tree, document.body))

test('L-3: a hostile answer becomes harmless elements, links that say where they go, and text', async () => {
  const text =
    '<script>alert(1)</script> ![pic](https://evil.com/?q=1) [bank](https://evil.com/x) [x](javascript:alert(1)) **b**\u202E'
  await show(<Markdown text={text} />)
  const root = document.querySelector('.markdown')!
  expect(root.querySelector('script, img, iframe')).toBeNull()
  expect(root.textContent).toContain('<script>alert(1)</script>')
  expect(root.textContent).toContain('bank (evil.com)')
  expect(root.textContent).not.toContain('\u202E')
  for (const link of root.querySelectorAll('a')) {
    expect(link.protocol).toBe('https:')
    expect(link.rel).toBe('noopener noreferrer nofollow ugc')
    expect(link.target).toBe('_blank')
  }
  expect(root.querySelectorAll('a')).toHaveLength(2)
  expect(root.querySelector('strong')?.textContent).toBe('b')
})

test('an unfinished link is text until it ends', async () => {
  await show(<Markdown text="Смотрите [правила](https://sho" streaming />)
  expect(document.querySelector('a')).toBeNull()
  expect(document.body.textContent).toContain('[правила](https://sho')
})

function said(seq: number, author: Author, text: string, citations: readonly WireCitation[] = []): Said {
  return { id: `m${seq}`, seq, author, text, clientId: '', interrupted: false, citations, at: Date.now() }
}

function view(more: Partial<View> = {}): View {
  return {
    phase: 'ready',
    dialogue: EMPTY,
    waiting: [],
    link: 'live',
    typing: undefined,
    trouble: '',
    open: true,
    unread: 0,
    loadingOlder: false,
    ...more,
  }
}

const log = (now: View) => (
  <Log view={now} faceOf="wk_1" greeting="" onOlder={() => {}} onAgain={() => {}} onDiscard={() => {}} />
)

test('a growing answer stands outside of the live region and is announced once, then its text once', async () => {
  const question = said(1, 'AUTHOR_CONTACT', 'Сколько?')
  const answering = (text: string) =>
    view({
      dialogue: {
        ...EMPTY,
        messages: [question],
        answer: { turn: 't', answering: true, text, bytes: text.length },
      },
    })
  await show(log(answering('')))
  const region = screen.getByRole('log', { name: 'Диалог' })
  const status = document.querySelector('.unseen [role=status]')!
  const heard: string[] = []
  const watch = new MutationObserver(() => heard.push(status.textContent ?? ''))
  expect(status.textContent).toBe('Нейросотрудник отвечает')
  watch.observe(status, { childList: true, characterData: true, subtree: true })
  for (const text of ['Три', 'Триста', 'Триста рублей']) await show(log(answering(text)))
  expect(region.textContent).not.toContain('Триста')
  expect(region).toHaveAttribute('aria-busy', 'true')
  await show(
    log(
      view({
        dialogue: { ...EMPTY, messages: [question, said(2, 'AUTHOR_ASSISTANT', '**Триста** рублей')] },
      }),
    ),
  )
  await waitFor(() => expect(heard).toEqual(['Триста рублей']))
  expect(region.textContent).toContain('Триста')
})

test('history that is loaded is not announced', async () => {
  await show(log(view({ dialogue: { ...EMPTY, messages: [said(1, 'AUTHOR_ASSISTANT', 'Старый ответ')] } })))
  expect(document.querySelector('.unseen [role=status]')?.textContent).toBe('')
})

test('a citation is a button that shows its passage; a number without a source is text', async () => {
  const citation = { n: 1, title: 'Прайс.pdf', page: 4, quote: 'Триста рублей' }
  Element.prototype.scrollIntoView = () => {}
  await show(
    log(
      view({
        dialogue: { ...EMPTY, messages: [said(1, 'AUTHOR_ASSISTANT', 'Триста [1], а не [7].', [citation])] },
      }),
    ),
  )
  await waitFor(() => expect(document.querySelector('.mark')).not.toBeNull())
  expect(document.querySelectorAll('.mark')).toHaveLength(1)
  const mark = screen.getByRole('button', { name: 'Источник 1: Прайс.pdf' })
  expect(mark).toHaveAttribute('aria-expanded', 'false')
  await act(() => void fireEvent.click(mark))
  expect(mark).toHaveAttribute('aria-expanded', 'true')
  expect(document.getElementById(mark.getAttribute('aria-controls')!)).toHaveTextContent('Триста рублей')
})

test('a message that failed says so at once and can be sent again or removed', async () => {
  const [again, discard] = [vi.fn(), vi.fn()]
  const waiting = [
    { id: 'x', conversation: 'visitor', text: 'Эй', at: 1, state: 'failed', reason: 'TOO_OLD' } as const,
  ]
  await show(
    <Log
      view={view({ waiting })}
      faceOf="wk_1"
      greeting=""
      onOlder={() => {}}
      onAgain={again}
      onDiscard={discard}
    />,
  )
  expect(screen.getByRole('alert')).toHaveTextContent('Не отправлено. Сообщение ждало связи слишком долго.')
  fireEvent.click(screen.getByRole('button', { name: 'Повторить' }))
  fireEvent.click(screen.getByRole('button', { name: 'Убрать' }))
  expect(again).toHaveBeenCalledExactlyOnceWith('x')
  expect(discard).toHaveBeenCalledExactlyOnceWith('x')
})

test('the composer: Enter sends, not while composing nor with Shift, nor beyond 4,000 characters', async () => {
  const send = vi.fn()
  await show(<Composer onSend={send} onInput={() => {}} blocked={undefined} focus={0} />)
  const field = screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Сообщение' })
  const write = (value: string) => act(() => void fireEvent.input(field, { target: { value } }))
  await write('  ')
  fireEvent.keyDown(field, { key: 'Enter' })
  await write('Да')
  fireEvent.keyDown(field, { key: 'Enter', shiftKey: true })
  fireEvent.keyDown(field, { key: 'Enter', isComposing: true })
  fireEvent.keyDown(field, { key: 'Enter', keyCode: 229 })
  await write('я'.repeat(4001))
  fireEvent.keyDown(field, { key: 'Enter' })
  expect(send).not.toHaveBeenCalled()
  expect(screen.getByRole('alert')).toHaveTextContent('длиннее 4000')
  // Letters outside of the first plane are one character each, as the server counts.
  await write('😀'.repeat(4000))
  await act(() => void fireEvent.keyDown(field, { key: 'Enter' }))
  expect(send).toHaveBeenCalledOnce()
  expect(field.value).toBe('')
})

test('days and words of both languages', () => {
  const now = new Date(2026, 10, 30, 0, 30)
  expect(dayOf(new Date(2026, 10, 30, 0, 1).getTime(), ru, now)).toBe('Сегодня')
  expect(dayOf(new Date(2026, 10, 29, 23, 59).getTime(), en, now)).toBe('Yesterday')
  expect(Object.keys(en.reasons)).toEqual(Object.keys(ru.reasons))
})
