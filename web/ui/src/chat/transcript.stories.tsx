import type { Meta, StoryObj } from '@storybook/react-vite'
import { useCallback, useEffect, useState } from 'react'
import { expect, userEvent, waitFor, within } from 'storybook/test'
import { Bubble } from './bubble'
import { DayLine } from './day-line'
import { groupPosition } from './grouping'
import { HandOverLine } from './hand-over-line'
import { Markdown } from './markdown'
import { PlainText } from './plain-text'
import { ANNA, ANSWER, CLIENT, MARIA, at } from './samples'
import { Transcript, type TranscriptProps } from './transcript'
import { Typing } from './typing'

interface Item {
  readonly id: string
  readonly kind: 'message' | 'day' | 'hand-over' | 'typing'
  readonly author: typeof MARIA
  readonly text: string
  readonly minute: number
}

const LABELS: TranscriptProps<Item>['labels'] = {
  name: 'Диалог',
  newMessages: (count) => `Новые: ${count}`,
  toEnd: 'К последним сообщениям',
  loadingOlder: 'Загружаем сообщения',
}
const TEXTS = ['Здравствуйте!', 'Где мой заказ?', 'Сейчас посмотрю и сразу отвечу.\nМинуту.', ANSWER]
const AUTHORS = [CLIENT, CLIENT, MARIA, MARIA, CLIENT, ANNA]

const message = (n: number, text = TEXTS[n % 4] ?? ''): Item => ({
  id: `m${n}`,
  kind: 'message',
  author: AUTHORS[n % 6] ?? CLIENT,
  text: `${text}\n\n№ ${n}`,
  minute: n,
})
const messages = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => message(from + i))
const keyOf = (item: Item) => item.id
const groupable = (item: Item | undefined) =>
  item?.kind === 'message'
    ? { author: item.author.kind, authorId: item.author.id, at: item.minute * 60_000 }
    : undefined

function Row({
  items,
  index,
  streaming,
}: {
  readonly items: readonly Item[]
  readonly index: number
  readonly streaming: boolean
}) {
  const item = items[index]
  if (!item) return null
  if (item.kind === 'day') return <DayLine label={item.text} dateTime="2026-11-02" />
  if (item.kind === 'hand-over') return <HandOverLine to="human" label={item.text} />
  if (item.kind === 'typing') return <Typing label={item.text} showLabel className="py-3" />
  const own = groupable(item) ?? { author: '', authorId: '', at: 0 }
  return (
    <Bubble
      author={item.author}
      time={at('12:40')}
      position={groupPosition(groupable(items[index - 1]), own, groupable(items[index + 1]))}
      streaming={streaming}
    >
      {item.author.kind === 'assistant' ? (
        <Markdown text={item.text} streaming={streaming} />
      ) : (
        <PlainText text={item.text} />
      )}
    </Bubble>
  )
}

type ListProps = Partial<TranscriptProps<Item>> & { readonly items: readonly Item[] }

function List({ items, answer, ...rest }: ListProps) {
  const streaming = answer?.state === 'streaming'
  return (
    <div className="border-line h-125 max-w-2xl border">
      <Transcript items={items} keyOf={keyOf} labels={LABELS} answer={answer} {...rest}>
        {(_item, index) => (
          <Row items={items} index={index} streaming={streaming && index === items.length - 1} />
        )}
      </Transcript>
    </div>
  )
}

const meta = { title: 'Chat/Transcript', component: List, args: { items: [] } } satisfies Meta<typeof List>
export default meta

type Story = StoryObj<typeof meta>

const logOf = (canvas: HTMLElement) => within(canvas).getByRole('log', { name: 'Диалог' })
const fromEnd = (log: HTMLElement) => log.scrollHeight - log.clientHeight - log.scrollTop

export const Conversation: Story = {
  args: {
    items: [
      { ...message(0, 'Сегодня'), id: 'day', kind: 'day', text: 'Сегодня' },
      ...messages(0, 6),
      { ...message(6), id: 'hand', kind: 'hand-over', text: 'Разговор взял оператор Анна' },
      { ...message(11, 'Добрый день, я Анна. Уже смотрю.') },
      { ...message(12), id: 'typing', kind: 'typing', text: 'Анна печатает' },
    ],
  },
}

export const Empty: Story = {}

export const LoadingOlder: Story = {
  args: { items: messages(0, 8), older: { loading: true, onLoad: () => {} } },
}

export const TenThousand: Story = {
  args: { items: messages(0, 10_000) },
  play: async ({ canvasElement }) => {
    const log = logOf(canvasElement)
    await waitFor(() => expect(fromEnd(log)).toBeLessThanOrEqual(1))
    await expect(within(log).getByText('№ 9999', { exact: false })).toBeVisible()
    await expect(within(log).getAllByRole('article').length).toBeLessThan(80)
  },
}

function Arriving({ items }: ListProps) {
  const [shown, setShown] = useState(items)
  const add = () => setShown((now) => [...now, message(now.length)])
  return (
    <>
      <List items={shown} />
      <button type="button" className="border-line m-2 min-h-9 border px-3" onClick={add}>
        Добавить сообщение
      </button>
    </>
  )
}

export const NewMessages: Story = {
  args: { items: messages(0, 60) },
  render: (args) => <Arriving {...args} />,
  play: async ({ canvasElement }) => {
    const log = logOf(canvasElement)
    const add = within(canvasElement).getByRole('button', { name: 'Добавить сообщение' })
    await waitFor(() => expect(fromEnd(log)).toBeLessThanOrEqual(1))
    await userEvent.click(add)
    await waitFor(() => expect(within(log).getByText('№ 60', { exact: false })).toBeVisible())
    await waitFor(() => expect(fromEnd(log)).toBeLessThanOrEqual(1))

    log.scrollTop -= 600
    await within(canvasElement).findByRole('button', { name: 'К последним сообщениям' })
    await new Promise((done) => setTimeout(done, 400))
    const before = log.scrollTop
    await userEvent.click(add)
    await userEvent.click(add)
    const news = await within(canvasElement).findByRole('button', { name: 'Новые: 2' })
    await expect(log.scrollTop).toBe(before)
    await userEvent.click(news)
    await waitFor(() => expect(fromEnd(log)).toBeLessThanOrEqual(1))
    await expect(log).toHaveFocus()
  },
}

function WithHistory() {
  const [from, setFrom] = useState(300)
  const [loading, setLoading] = useState(false)
  const onLoad = useCallback(() => {
    setLoading(true)
    setTimeout(() => {
      setFrom((now) => now - 40)
      setLoading(false)
    }, 300)
  }, [])
  return <List items={messages(from, 360)} older={from > 0 ? { loading, onLoad } : undefined} />
}

export const OlderMessages: Story = {
  render: () => <WithHistory />,
  play: async ({ canvasElement }) => {
    const log = logOf(canvasElement)
    await waitFor(() => expect(fromEnd(log)).toBeLessThanOrEqual(1))
    log.scrollTop = 60
    await within(canvasElement).findByText('Загружаем сообщения')
    const place = () => within(log).getByText('№ 302', { exact: false }).getBoundingClientRect().top
    await new Promise((done) => setTimeout(done, 200))
    const before = place()
    await waitFor(() => expect(within(canvasElement).queryByText('Загружаем сообщения')).toBeNull())
    await new Promise((done) => setTimeout(done, 300))
    await expect(Math.abs(place() - before)).toBeLessThanOrEqual(2)
    await expect(log.scrollTop).toBeGreaterThan(1000)
  },
}

function Answering({ items }: ListProps) {
  const [length, setLength] = useState(0)
  const done = length >= ANSWER.length
  useEffect(() => {
    const timer = setInterval(() => setLength((now) => now + 12), 30)
    return () => clearInterval(timer)
  }, [])
  const answer: Item = { ...message(items.length), author: MARIA, text: ANSWER.slice(0, length) }
  return (
    <List
      items={[...items, answer]}
      answer={
        done ? { state: 'done', text: ANSWER } : { state: 'streaming', label: 'Нейросотрудник отвечает' }
      }
    />
  )
}

export const StreamingAnswer: Story = {
  args: { items: messages(0, 20) },
  render: (args) => <Answering {...args} />,
  play: async ({ canvasElement }) => {
    const log = logOf(canvasElement)
    await expect(log).toHaveAttribute('aria-busy', 'true')
    await waitFor(() => expect(within(log).getAllByRole('table').length).toBeGreaterThan(0), {
      timeout: 5000,
    })
    await waitFor(() => expect(log).toHaveAttribute('aria-busy', 'false'), { timeout: 8000 })
    await expect(fromEnd(log)).toBeLessThanOrEqual(1)
  },
}
