import type { Meta, StoryObj } from '@storybook/react-vite'
import { Bot, Headset, User } from 'lucide-react'
import { useState } from 'react'
import { expect, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Select } from './select'

export default { title: 'Forms/Select', component: Select } satisfies Meta
type Story = StoryObj

type Handler = 'assistant' | 'operator' | 'nobody'

function Demo({
  say,
  start = null,
  disabled = false,
}: {
  say: Say
  start?: Handler | null
  disabled?: boolean
}) {
  const [value, setValue] = useState<Handler | null>(start)
  return (
    <Select
      aria-label={say('Кто отвечает', 'Who answers')}
      placeholder={say('Все', 'Everybody')}
      className="w-64"
      value={value}
      onValueChange={setValue}
      disabled={disabled}
      options={[
        {
          value: 'assistant',
          label: say('Нейросотрудник', 'AI assistant'),
          note: say('отвечает сам', 'answers by itself'),
          icon: <Bot aria-hidden className="text-ai" />,
        },
        {
          value: 'operator',
          label: say('Оператор', 'Operator'),
          icon: <Headset aria-hidden className="text-human" />,
        },
        { value: 'nobody', label: say('Ждёт человека', 'Waits for a person'), icon: <User aria-hidden /> },
      ]}
    />
  )
}

export const Empty: Story = { render: (_args, { globals }) => <Demo say={words(globals)} /> }

export const Chosen: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} start="assistant" />,
}

export const Disabled: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} start="assistant" disabled />,
}

export const Keyboard: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} start="assistant" />,
  play: async ({ canvas, userEvent, globals, step }) => {
    const say = words(globals)
    const trigger = canvas.getByRole('combobox', { name: say('Кто отвечает', 'Who answers') })
    await step('opens by the arrow with the focus on the chosen one', async () => {
      await userEvent.tab()
      await expect(trigger).toHaveFocus()
      await userEvent.keyboard('{ArrowDown}')
      await waitFor(() => expect(screen.getByRole('option', { selected: true })).toHaveFocus())
    })
    await step('arrows move, Enter chooses and gives the focus back', async () => {
      await userEvent.keyboard('{ArrowDown}{Enter}')
      await waitFor(() => expect(trigger).toHaveTextContent(say('Оператор', 'Operator')))
      await waitFor(() => expect(trigger).toHaveFocus())
    })
    await step('Escape closes without choosing', async () => {
      await userEvent.keyboard('{Enter}')
      await screen.findByRole('listbox')
      await userEvent.keyboard('{ArrowDown}{Escape}')
      await waitFor(() => expect(screen.queryByRole('listbox')).not.toBeInTheDocument())
      await expect(trigger).toHaveTextContent(say('Оператор', 'Operator'))
    })
  },
}
