import type { Meta, StoryObj } from '@storybook/react-vite'
import { useState } from 'react'
import { expect, fn, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Button } from './button'
import { Confirm } from './confirm'

export default { title: 'Overlays/Confirm', component: Confirm } satisfies Meta
type Story = StoryObj

const onConfirm = fn()

interface DemoProps {
  say: Say
  open?: boolean
  pending?: boolean
  error?: string
  onConfirm?: () => void
}

function Demo({ say, open: start = false, onConfirm, ...rest }: DemoProps) {
  const [open, setOpen] = useState(start)
  return (
    <>
      <Button variant="danger" onClick={() => setOpen(true)}>
        {say('Удалить файл', 'Delete the file')}
      </Button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={say('Удалить «Прайс 2026.pdf»?', 'Delete “Prices 2026.pdf”?')}
        description={say(
          'Нейросотрудник перестанет отвечать по этому файлу. Вернуть его нельзя.',
          'The assistant will no longer answer from this file. It cannot be brought back.',
        )}
        confirmLabel={say('Удалить', 'Delete')}
        cancelLabel={say('Оставить', 'Keep')}
        onConfirm={() => {
          onConfirm?.()
          setOpen(false)
        }}
        {...rest}
      />
    </>
  )
}

export const Open: Story = { render: (_args, { globals }) => <Demo say={words(globals)} open /> }

export const Pending: Story = { render: (_args, { globals }) => <Demo say={words(globals)} open pending /> }

export const Failed: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <Demo
        say={say}
        open
        error={say('Не удалилось: нет связи. Попробуйте ещё раз.', 'Not deleted: no connection. Try again.')}
      />
    )
  },
}

export const Keyboard: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} onConfirm={onConfirm} />,
  play: async ({ canvas, userEvent, globals, step }) => {
    const say = words(globals)
    const trigger = canvas.getByRole('button', { name: say('Удалить файл', 'Delete the file') })
    await step('begins at the harmless answer', async () => {
      await userEvent.tab()
      await userEvent.keyboard('{Enter}')
      await screen.findByRole('alertdialog', { name: /Прайс|Prices/ })
      await waitFor(() => expect(screen.getByRole('button', { name: say('Оставить', 'Keep') })).toHaveFocus())
    })
    await step('Escape means no', async () => {
      await userEvent.keyboard('{Escape}')
      await waitFor(() => expect(screen.queryByRole('alertdialog')).not.toBeInTheDocument())
      await waitFor(() => expect(trigger).toHaveFocus())
      await expect(onConfirm).not.toHaveBeenCalled()
    })
    await step('Tab and Enter confirm', async () => {
      await userEvent.keyboard('{Enter}')
      await waitFor(() => expect(screen.getByRole('button', { name: say('Оставить', 'Keep') })).toHaveFocus())
      await userEvent.tab()
      await userEvent.keyboard('{Enter}')
      await expect(onConfirm).toHaveBeenCalledOnce()
      await waitFor(() => expect(screen.queryByRole('alertdialog')).not.toBeInTheDocument())
    })
  },
}
