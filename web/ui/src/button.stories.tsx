import type { Meta, StoryObj } from '@storybook/react-vite'
import { Hand, Plus, Trash2 } from 'lucide-react'
import { expect, fn } from 'storybook/test'
import { words } from '../.storybook/say'
import { Button, buttonVariants, IconButton } from './button'

export default { title: 'Actions/Button', component: Button } satisfies Meta
type Story = StoryObj

const onPress = fn()

export const Variants: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex flex-wrap items-center gap-3">
        <Button variant="primary">{say('Опубликовать', 'Publish')}</Button>
        <Button variant="human">
          <Hand aria-hidden />
          {say('Взять на себя', 'Take over')}
        </Button>
        <Button>{say('Отмена', 'Cancel')}</Button>
        <Button variant="ghost">{say('Пропустить', 'Skip')}</Button>
        <Button variant="danger">{say('Удалить', 'Delete')}</Button>
        <Button variant="link">{say('Подробнее', 'Read more')}</Button>
        <a href="#button" className={buttonVariants({ variant: 'secondary' })}>
          {say('Ссылка', 'A link')}
        </a>
      </div>
    )
  },
}

export const Sizes: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex flex-wrap items-center gap-3">
        {(['sm', 'md', 'lg'] as const).map((size) => (
          <div key={size} className="flex items-center gap-2">
            <Button variant="primary" size={size}>
              <Plus aria-hidden />
              {say('Создать', 'Create')}
            </Button>
            <IconButton variant="secondary" size={size} aria-label={say('Удалить', 'Delete')}>
              <Trash2 aria-hidden />
            </IconButton>
          </div>
        ))}
      </div>
    )
  },
}

export const Disabled: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex flex-wrap gap-3">
        <Button variant="primary" disabled>
          {say('Опубликовать', 'Publish')}
        </Button>
        <Button disabled>{say('Отмена', 'Cancel')}</Button>
        <IconButton disabled aria-label={say('Удалить', 'Delete')}>
          <Trash2 aria-hidden />
        </IconButton>
      </div>
    )
  },
}

export const Loading: Story = {
  render: (_args, { globals }) => {
    const say = words(globals)
    return (
      <div className="flex flex-wrap gap-3">
        <Button variant="primary" loading onClick={onPress}>
          {say('Сохранить', 'Save')}
        </Button>
        <Button variant="primary">{say('Сохранить', 'Save')}</Button>
      </div>
    )
  },
  play: async ({ canvas, userEvent }) => {
    const [busy, idle] = canvas.getAllByRole('button')
    await expect(busy).toHaveAttribute('aria-busy', 'true')
    await expect(busy?.offsetWidth).toBe(idle?.offsetWidth)
    await userEvent.tab()
    await expect(busy).toHaveFocus()
    await userEvent.keyboard('{Enter}')
    await expect(onPress).not.toHaveBeenCalled()
  },
}

export const LongWordsOnAPhone: Story = {
  render: (_args, { globals }) => (
    <div className="w-72">
      <Button variant="primary">
        {words(globals)(
          'Подключить готового нейросотрудника к каналу поддержки',
          'Connect a ready-made AI assistant to the support channel',
        )}
      </Button>
    </div>
  ),
}
