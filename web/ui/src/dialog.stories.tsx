import type { Meta, StoryObj } from '@storybook/react-vite'
import { expect, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Button } from './button'
import {
  Dialog,
  DialogBody,
  DialogClose,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  DialogTrigger,
} from './dialog'
import { Field } from './field'
import { Input } from './input'

export default { title: 'Overlays/Dialog', component: DialogContent } satisfies Meta
type Story = StoryObj

function Invite({ say, open = false }: { say: Say; open?: boolean }) {
  return (
    <Dialog defaultOpen={open}>
      <DialogTrigger render={<Button />}>{say('Пригласить', 'Invite')}</DialogTrigger>
      <DialogContent closeLabel={say('Закрыть', 'Close')}>
        <DialogHeader>
          <DialogTitle>{say('Пригласить в команду', 'Invite to the team')}</DialogTitle>
          <DialogDescription>
            {say('Письмо со ссылкой будет ждать три дня.', 'The letter with the link waits for three days.')}
          </DialogDescription>
        </DialogHeader>
        <DialogBody>
          <Field label={say('Почта', 'E-mail')}>
            <Input type="email" placeholder="oleg@example.ru" />
          </Field>
        </DialogBody>
        <DialogFooter>
          <DialogClose render={<Button />}>{say('Отмена', 'Cancel')}</DialogClose>
          <Button variant="primary">{say('Отправить', 'Send')}</Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  )
}

export const Open: Story = { render: (_args, { globals }) => <Invite say={words(globals)} open /> }

export const LongContent: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Dialog defaultOpen>
        <DialogContent closeLabel={say('Закрыть', 'Close')} size="sm">
          <DialogHeader>
            <DialogTitle>{say('Что изменится', 'What will change')}</DialogTitle>
          </DialogHeader>
          <DialogBody tabIndex={0} role="region" aria-label={say('Список', 'List')}>
            {Array.from({ length: 40 }, (_, line) => (
              <p key={line}>
                {say('Правка', 'Change')} {line + 1}
              </p>
            ))}
          </DialogBody>
          <DialogFooter>
            <DialogClose render={<Button variant="primary" />}>{say('Понятно', 'I see')}</DialogClose>
          </DialogFooter>
        </DialogContent>
      </Dialog>
    )
  },
}

export const Keyboard: Story = {
  render: (_args, { globals }) => <Invite say={words(globals)} />,
  play: async ({ canvas, userEvent, globals, step }) => {
    const say = words(globals)
    const trigger = canvas.getByRole('button', { name: say('Пригласить', 'Invite') })
    await step('opens by Enter, named, with the focus inside', async () => {
      await userEvent.tab()
      await userEvent.keyboard('{Enter}')
      const dialog = await screen.findByRole('dialog', {
        name: say('Пригласить в команду', 'Invite to the team'),
      })
      await waitFor(() => expect(dialog.contains(document.activeElement)).toBe(true))
      await expect(dialog).toHaveAccessibleDescription()
    })
    await step('keeps the focus inside', async () => {
      const dialog = screen.getByRole('dialog')
      for (let press = 0; press < 6; press++) {
        await userEvent.tab()
        await waitFor(() => expect(dialog.contains(document.activeElement)).toBe(true))
      }
    })
    await step('Escape closes and gives the focus back', async () => {
      await userEvent.keyboard('{Escape}')
      await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())
      await waitFor(() => expect(trigger).toHaveFocus())
    })
  },
}
