import type { Meta, StoryObj } from '@storybook/react-vite'
import { Bot, MessageSquare, Wallet } from 'lucide-react'
import { useState } from 'react'
import { expect, fn, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Button } from './button'
import { CommandPalette } from './command-palette'

export default { title: 'Overlays/CommandPalette', component: CommandPalette } satisfies Meta
type Story = StoryObj

const onTopUp = fn()

function Demo({ say, start = false }: { say: Say; start?: boolean }) {
  const [open, setOpen] = useState(start)
  return (
    <>
      <Button onClick={() => setOpen(true)}>{say('Найти', 'Find')}</Button>
      <CommandPalette
        open={open}
        onOpenChange={setOpen}
        labels={{
          title: say('Команды', 'Commands'),
          placeholder: say('Что сделать?', 'What to do?'),
          empty: say('Такого нет. Попробуйте другими словами.', 'No such thing. Try other words.'),
          list: say('Подходящие команды', 'Fitting commands'),
          close: say('Закрыть', 'Close'),
        }}
        groups={[
          {
            id: 'go',
            heading: say('Перейти', 'Go to'),
            commands: [
              {
                id: 'dialogues',
                label: say('Открыть диалоги', 'Open dialogues'),
                keywords: [say('чаты', 'chats')],
                icon: <MessageSquare aria-hidden />,
                shortcut: ['G', 'D'],
                onSelect: () => {},
              },
              {
                id: 'assistants',
                label: say('Мои нейросотрудники', 'My AI assistants'),
                icon: <Bot aria-hidden />,
                onSelect: () => {},
              },
            ],
          },
          {
            id: 'do',
            heading: say('Сделать', 'Do'),
            commands: [
              {
                id: 'top-up',
                label: say('Пополнить баланс', 'Top up the balance'),
                keywords: ['pix'],
                icon: <Wallet aria-hidden />,
                onSelect: onTopUp,
              },
              {
                id: 'export',
                label: say('Выгрузить отчёт', 'Export the report'),
                disabled: true,
                onSelect: () => {},
              },
            ],
          },
        ]}
      />
    </>
  )
}

export const Open: Story = { render: (_args, { globals }) => <Demo say={words(globals)} start /> }

export const NothingFits: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} start />,
  play: async ({ userEvent, globals }) => {
    const input = await screen.findByRole('combobox')
    await waitFor(() => expect(input).toHaveFocus())
    await userEvent.keyboard('qqq')
    await expect(screen.getByText(words(globals)(/Такого нет/, /No such thing/))).toBeVisible()
  },
}

export const Keyboard: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} />,
  play: async ({ canvas, userEvent, globals, step }) => {
    onTopUp.mockClear()
    const say = words(globals)
    const trigger = canvas.getByRole('button', { name: say('Найти', 'Find') })
    await step('opens with the focus in the field', async () => {
      await userEvent.tab()
      await userEvent.keyboard('{Enter}')
      await screen.findByRole('dialog', { name: say('Команды', 'Commands') })
      await waitFor(() => expect(screen.getByRole('combobox')).toHaveFocus())
    })
    await step('finds by another word and does it by Enter', async () => {
      await userEvent.keyboard('pix')
      await waitFor(() =>
        expect(screen.getByRole('option', { selected: true })).toHaveTextContent(say('Пополнить', 'Top up')),
      )
      await userEvent.keyboard('{Enter}')
      await expect(onTopUp).toHaveBeenCalledOnce()
      await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())
      await waitFor(() => expect(trigger).toHaveFocus())
    })
    await step('arrows move, Escape closes', async () => {
      await userEvent.keyboard('{Enter}')
      await waitFor(() => expect(screen.getByRole('combobox')).toHaveFocus())
      await userEvent.keyboard('{ArrowDown}')
      await waitFor(() =>
        expect(screen.getByRole('option', { selected: true })).toHaveTextContent(say('Мои нейро', 'My AI')),
      )
      await userEvent.keyboard('{Escape}')
      await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())
    })
  },
}
