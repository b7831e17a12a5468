import type { Meta, StoryObj } from '@storybook/react-vite'
import { Typing } from './typing'

const meta = {
  title: 'Chat/Typing',
  component: Typing,
  args: { label: 'Мария печатает' },
  decorators: [
    (Story) => (
      <div className="p-4">
        <Story />
      </div>
    ),
  ],
} satisfies Meta<typeof Typing>
export default meta

type Story = StoryObj<typeof meta>

export const Assistant: Story = {}

export const Operator: Story = { args: { tone: 'human', label: 'Анна печатает' } }

export const WithWords: Story = { args: { showLabel: true } }
