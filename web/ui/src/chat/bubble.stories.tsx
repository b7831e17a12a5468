import type { Meta, StoryObj } from '@storybook/react-vite'
import { fn } from 'storybook/test'
import { Bubble, SystemLine } from './bubble'
import { SourceList } from './citations'
import { DayLine } from './day-line'
import { HandOverLine } from './hand-over-line'
import { Markdown } from './markdown'
import { PlainText } from './plain-text'
import { ANNA, ANSWER, CITATIONS, CITATION_LABELS, CLIENT, DELIVERY, MARIA, at } from './samples'

const meta = {
  title: 'Chat/Bubble',
  component: Bubble,
  args: { author: MARIA, time: at('12:40'), children: <PlainText text="Здравствуйте! Чем помочь?" /> },
  decorators: [
    (Story) => (
      <div className="max-w-2xl p-4">
        <Story />
      </div>
    ),
  ],
} satisfies Meta<typeof Bubble>
export default meta

type Story = StoryObj<typeof meta>

export const Assistant: Story = {
  args: {
    children: <Markdown text={ANSWER} />,
    extra: <SourceList citations={CITATIONS} labels={CITATION_LABELS} />,
  },
}

export const Operator: Story = {
  args: { author: ANNA, children: <PlainText text="Добрый день, меня зовут Анна. Сейчас всё проверю." /> },
}

export const Contact: Story = {
  args: { author: CLIENT, children: <PlainText text={'Привет!\nСколько стоит **доставка**?'} /> },
}

export const OwnMessage: Story = {
  args: { author: CLIENT, own: true, delivery: { delivery: { state: 'sent' }, labels: DELIVERY } },
}

export const Queued: Story = {
  args: { author: CLIENT, own: true, delivery: { delivery: { state: 'queued' }, labels: DELIVERY } },
}

export const Sending: Story = {
  args: { author: CLIENT, own: true, delivery: { delivery: { state: 'sending' }, labels: DELIVERY } },
}

export const Failed: Story = {
  args: {
    author: CLIENT,
    own: true,
    delivery: {
      delivery: { state: 'failed', reason: 'нет связи с сервером' },
      labels: DELIVERY,
      onResend: fn(),
    },
  },
}

export const Cancelled: Story = {
  args: { author: CLIENT, own: true, delivery: { delivery: { state: 'cancelled' }, labels: DELIVERY } },
}

export const Interrupted: Story = {
  args: {
    children: <Markdown text="Сейчас посмотрю, что у нас есть на складе, и" />,
    interrupted: 'Ответ прерван',
  },
}

export const Streaming: Story = {
  args: { children: <Markdown text="Сейчас посмотрю, что есть на **скла" streaming />, streaming: true },
}

export const Group: Story = {
  render: () => (
    <>
      <DayLine label="Сегодня" dateTime="2026-11-02" />
      <Bubble author={CLIENT} time={at('12:38')} position="first">
        <PlainText text="Здравствуйте" />
      </Bubble>
      <Bubble author={CLIENT} time={at('12:38')} position="middle">
        <PlainText text="Заказ 4812" />
      </Bubble>
      <Bubble author={CLIENT} time={at('12:39')} position="last">
        <PlainText text="Где он сейчас?" />
      </Bubble>
      <Bubble author={MARIA} time={at('12:39')}>
        <Markdown text="Заказ **4812** в пути, доставка завтра." />
      </Bubble>
      <HandOverLine to="human" label="Разговор взял оператор Анна" time={at('12:40')} />
      <Bubble author={ANNA} time={at('12:41')} own position="first">
        <PlainText text="Добрый день!" />
      </Bubble>
      <Bubble
        author={ANNA}
        time={at('12:41')}
        own
        position="last"
        delivery={{ delivery: { state: 'sent' }, labels: DELIVERY }}
      >
        <PlainText text="Курьер будет с 10 до 14, устроит?" />
      </Bubble>
      <HandOverLine to="ai" label="Разговор снова ведёт Мария" time={at('12:50')} />
      <SystemLine author="Система" time={at('13:20')}>
        Диалог закрыт: клиент не отвечает 30 минут
      </SystemLine>
    </>
  ),
}

export const LongWord: Story = {
  args: { children: <PlainText text={'оченьдлинноесловобезпробелов'.repeat(12)} /> },
}
