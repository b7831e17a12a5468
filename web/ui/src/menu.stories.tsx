import type { Meta, StoryObj } from '@storybook/react-vite'
import { Ellipsis, Pause, Pencil, Trash2 } from 'lucide-react'
import { expect, fn, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { IconButton } from './button'
import { Kbd } from './kbd'
import {
  Menu,
  MenuCheckboxItem,
  MenuContent,
  MenuGroup,
  MenuGroupLabel,
  MenuItem,
  MenuLinkItem,
  MenuSeparator,
  MenuTrigger,
} from './menu'

export default { title: 'Actions/Menu', component: MenuContent } satisfies Meta
type Story = StoryObj

const onPause = fn()

function Demo({ say, open = false, onPause }: { say: Say; open?: boolean; onPause?: () => void }) {
  return (
    <Menu defaultOpen={open}>
      <MenuTrigger render={<IconButton aria-label={say('Действия', 'Actions')} />}>
        <Ellipsis aria-hidden />
      </MenuTrigger>
      <MenuContent align="start">
        <MenuLinkItem href="#edit" icon={<Pencil aria-hidden />}>
          {say('Изменить', 'Edit')}
        </MenuLinkItem>
        <MenuItem icon={<Pause aria-hidden />} shortcut={<Kbd keys={['P']} />} onClick={onPause}>
          {say('Поставить на паузу', 'Pause')}
        </MenuItem>
        <MenuSeparator />
        <MenuGroup>
          <MenuGroupLabel>{say('Показывать', 'Show')}</MenuGroupLabel>
          <MenuCheckboxItem defaultChecked>{say('Закрытые', 'Closed ones')}</MenuCheckboxItem>
        </MenuGroup>
        <MenuSeparator />
        <MenuItem tone="danger" icon={<Trash2 aria-hidden />}>
          {say('Удалить', 'Delete')}
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}

export const Open: Story = { render: (_args, { globals }) => <Demo say={words(globals)} open /> }

export const Keyboard: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} onPause={onPause} />,
  play: async ({ canvas, userEvent, globals, step }) => {
    const say = words(globals)
    const trigger = canvas.getByRole('button', { name: say('Действия', 'Actions') })
    await step('opens by Enter at the first item', async () => {
      await userEvent.tab()
      await userEvent.keyboard('{Enter}')
      await waitFor(() =>
        expect(screen.getByRole('menuitem', { name: say('Изменить', 'Edit') })).toHaveFocus(),
      )
    })
    await step('arrows move, Enter acts, focus goes back', async () => {
      await userEvent.keyboard('{ArrowDown}{Enter}')
      await expect(onPause).toHaveBeenCalledOnce()
      await waitFor(() => expect(screen.queryByRole('menu')).not.toBeInTheDocument())
      await waitFor(() => expect(trigger).toHaveFocus())
    })
    await step('a letter finds its item, Escape closes', async () => {
      await userEvent.keyboard('{Enter}')
      await screen.findByRole('menu')
      await userEvent.keyboard(say('у', 'd'))
      await waitFor(() =>
        expect(screen.getByRole('menuitem', { name: say('Удалить', 'Delete') })).toHaveFocus(),
      )
      await userEvent.keyboard('{Escape}')
      await waitFor(() => expect(screen.queryByRole('menu')).not.toBeInTheDocument())
    })
  },
}
