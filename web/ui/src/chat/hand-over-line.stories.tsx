import type { Meta, StoryObj } from '@storybook/react-vite'
import { HandOverLine } from './hand-over-line'
import { at } from './samples'

const meta = {
  title: 'Chat/HandOverLine',
  component: HandOverLine,
  args: { to: 'human', label: 'Разговор взял оператор Анна', time: at('12:40') },
} satisfies Meta<typeof HandOverLine>
export default meta

type Story = StoryObj<typeof meta>

export const ToAPerson: Story = {}

export const ToTheAi: Story = { args: { to: 'ai', label: 'Разговор снова ведёт Мария' } }

export const LongWords: Story = {
  args: {
    label: 'Разговор взяла старший специалист отдела по работе с ключевыми клиентами Анна-Мария Ковалёва',
  },
}
