import type { Meta, StoryObj } from '@storybook/react-vite'
import { useState } from 'react'
import { expect, fn, userEvent, within } from 'storybook/test'
import { Composer, type ComposerProps } from './composer'

function Draft(props: ComposerProps) {
  const [value, setValue] = useState(props.value)
  const send = (text: string) => {
    props.onSend(text)
    setValue('')
  }
  return <Composer {...props} value={value} onChange={setValue} onSend={send} />
}

const meta = {
  title: 'Chat/Composer',
  component: Composer,
  args: {
    value: '',
    onChange: fn(),
    onSend: fn(),
    labels: {
      input: 'Сообщение',
      placeholder: 'Напишите сообщение',
      send: 'Отправить',
      remaining: (count) => (count < 0 ? `Лишних знаков: ${-count}` : `Осталось знаков: ${count}`),
      tooLong: 'Сообщение длиннее 4 000 знаков',
    },
  },
  render: (args) => <Draft {...args} />,
  decorators: [
    (Story) => (
      <div className="max-w-xl p-4">
        <Story />
      </div>
    ),
  ],
} satisfies Meta<typeof Composer>
export default meta

type Story = StoryObj<typeof meta>

export const Empty: Story = {}

export const Written: Story = { args: { value: 'Здравствуйте, где мой заказ?' } }

export const ManyLines: Story = {
  args: { value: Array.from({ length: 14 }, (_, i) => `строка ${i + 1}`).join('\n') },
  play: async ({ canvasElement }) => {
    const field = within(canvasElement).getByRole('textbox')
    await expect(field.clientHeight).toBeGreaterThan(150)
    await expect(field.clientHeight).toBeLessThanOrEqual(200)
  },
}

export const GrowsAndSends: Story = {
  play: async ({ canvasElement, args }) => {
    const field = within(canvasElement).getByRole('textbox')
    const low = field.clientHeight
    await userEvent.type(field, 'раз{Shift>}{Enter}{/Shift}два{Shift>}{Enter}{/Shift}три')
    await expect(field.clientHeight).toBeGreaterThan(low)
    await userEvent.keyboard('{Enter}')
    await expect(args.onSend).toHaveBeenCalledWith('раз\nдва\nтри')
    await expect(field.clientHeight).toBe(low)
    await expect(field).toHaveFocus()
  },
}

export const NearTheLimit: Story = { args: { value: 'а'.repeat(3900) } }

export const BeyondTheLimit: Story = { args: { value: 'а'.repeat(4012) } }

export const Disabled: Story = {
  args: { disabledReason: 'Разговор ведёт Анна: возьмите его, чтобы ответить' },
}

export const ForAnOperator: Story = { args: { value: 'Добрый день!', tone: 'human' } }
