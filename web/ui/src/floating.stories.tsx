import type { Meta, StoryObj } from '@storybook/react-vite'
import { Pause, Trash2 } from 'lucide-react'
import { expect, screen, waitFor } from 'storybook/test'
import { words } from '../.storybook/say'
import { Button, IconButton } from './button'
import { Hint } from './hint'
import { Kbd } from './kbd'
import { Popover, PopoverContent, PopoverDescription, PopoverTitle, PopoverTrigger } from './popover'
import { Tooltip } from './tooltip'

export default { title: 'Overlays/Floating' } satisfies Meta
type Story = StoryObj

export const PopoverOpen: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Popover defaultOpen>
        <PopoverTrigger render={<Button />}>{say('Почему так дорого?', 'Why so much?')}</PopoverTrigger>
        <PopoverContent>
          <PopoverTitle>{say('Цена ответа', 'Price of an answer')}</PopoverTitle>
          <PopoverDescription>
            {say(
              'Токены вопроса, истории и ответа по цене модели.',
              'Tokens of question, history and answer.',
            )}
          </PopoverDescription>
        </PopoverContent>
      </Popover>
    )
  },
}

export const HintByKeyboard: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex items-center gap-1">
        <span>{say('Креативность', 'Creativity')}</span>
        <Hint label={say('Что такое креативность', 'What creativity is')}>
          {say('Чем выше, тем свободнее слова и тем выше риск выдумки.', 'The higher, the freer the words.')}
        </Hint>
      </div>
    )
  },
  play: async ({ userEvent, globals }) => {
    const say = words(globals)
    await userEvent.tab()
    await userEvent.keyboard('{Enter}')
    const hint = await screen.findByRole('dialog', {
      name: say('Что такое креативность', 'What creativity is'),
    })
    await expect(hint).toHaveTextContent(say('свободнее', 'freer'))
    await userEvent.keyboard('{Escape}')
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())
  },
}

export const TooltipOnFocus: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex gap-2 p-10">
        <Tooltip label={say('Пауза', 'Pause')} shortcut={<Kbd keys={['P']} />}>
          <IconButton aria-label={say('Пауза', 'Pause')}>
            <Pause aria-hidden />
          </IconButton>
        </Tooltip>
        <Tooltip label={say('Удалить', 'Delete')}>
          <IconButton aria-label={say('Удалить', 'Delete')}>
            <Trash2 aria-hidden />
          </IconButton>
        </Tooltip>
      </div>
    )
  },
  play: async ({ userEvent, globals }) => {
    const say = words(globals)
    await userEvent.tab()
    await waitFor(() => expect(screen.getByText(say('Пауза', 'Pause'))).toBeVisible())
  },
}
