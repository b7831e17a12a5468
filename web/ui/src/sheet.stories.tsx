import type { Meta, StoryObj } from '@storybook/react-vite'
import { expect, screen, waitFor } from 'storybook/test'
import { words, type Say } from '../.storybook/say'
import { Button } from './button'
import { Sheet, SheetClose, SheetContent, SheetTrigger } from './sheet'

export default { title: 'Overlays/Sheet', component: SheetContent } satisfies Meta
type Story = StoryObj

function Demo({ say, modal }: { say: Say; modal: boolean }) {
  return (
    <Sheet defaultOpen modal={modal} disablePointerDismissal={!modal}>
      <SheetTrigger render={<Button />}>{say('Проверить', 'Test')}</SheetTrigger>
      <SheetContent
        bare={!modal}
        title={say('Тестовый диалог', 'Test dialogue')}
        description={say('Клиенты его не видят', 'Customers do not see it')}
        closeLabel={say('Закрыть', 'Close')}
        footer={<SheetClose render={<Button />}>{say('Готово', 'Done')}</SheetClose>}
      >
        <p>{say('Спросите что-нибудь, как спросил бы клиент.', 'Ask something as a customer would.')}</p>
      </SheetContent>
    </Sheet>
  )
}

export const Modal: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} modal />,
  play: async ({ canvas, userEvent, globals }) => {
    const say = words(globals)
    await screen.findByRole('dialog', { name: say('Тестовый диалог', 'Test dialogue') })
    await userEvent.keyboard('{Escape}')
    await waitFor(() => expect(screen.queryByRole('dialog')).not.toBeInTheDocument())
    await userEvent.click(canvas.getByRole('button', { name: say('Проверить', 'Test') }))
    await screen.findByRole('dialog')
  },
}

export const BesideThePage: Story = {
  render: (_args, { globals }) => <Demo say={words(globals)} modal={false} />,
}
