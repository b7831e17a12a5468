import type { Meta, StoryObj } from '@storybook/react-vite'
import { useEffect, useState } from 'react'
import { expect, within } from 'storybook/test'
import { Markdown } from './markdown'
import { LazyMarkdown } from './markdown-lazy'
import { ANSWER, FORMS, HOSTILE } from './samples'

const meta = {
  title: 'Chat/Markdown',
  component: Markdown,
  decorators: [
    (Story) => (
      <div className="max-w-xl p-4">
        <Story />
      </div>
    ),
  ],
} satisfies Meta<typeof Markdown>
export default meta

type Story = StoryObj<typeof meta>

export const Answer: Story = { args: { text: ANSWER } }

export const AllForms: Story = { args: { text: FORMS } }

export const Hostile: Story = {
  args: { text: HOSTILE },
  play: async ({ canvasElement }) => {
    await expect(canvasElement.querySelector('script, img')).toBeNull()
    await expect(within(canvasElement).getAllByRole('link')).toHaveLength(3)
  },
}

export const BeyondTheLimits: Story = {
  args: { text: `${'**раз** *два* '.repeat(60)}\n\n${'**три** '.repeat(120)}\n\nи дальше — **как есть**` },
}

export const UnfinishedLink: Story = {
  args: {
    text: 'Список **готов**:\n\n- раз\n- смотрите [условия доставки](https://shop.exam',
    streaming: true,
  },
}

export const UnfinishedFence: Story = {
  args: { text: 'Вот **запрос**:\n\n```sql\nselect *\n  from orders', streaming: true },
}

export const WideOnAPhone: Story = {
  args: {
    text: `${'| Модель | Цена | Остаток | Гарантия | Цвет |\n|-|-:|-:|-|-|\n'}${'| Чайник-термопот | 12 490 ₽ | 14 | 24 месяца | тёмно-серый |\n'.repeat(3)}\n\`\`\`\n${'оченьдлиннаястрокабезпробелов'.repeat(6)}\n\`\`\``,
  },
  decorators: [
    (Story) => (
      <div className="w-70">
        <Story />
      </div>
    ),
  ],
  play: async ({ canvasElement }) => {
    const root = canvasElement.querySelector('[data-slot=markdown]')
    await expect(root?.scrollWidth).toBeLessThanOrEqual((root?.clientWidth ?? 0) + 40)
  },
}

export const Lazy: Story = {
  args: { text: ANSWER },
  render: (args) => <LazyMarkdown {...args} />,
  play: async ({ canvasElement }) => {
    await expect(await within(canvasElement).findByRole('table')).toBeVisible()
  },
}

function Grow({ text }: { readonly text: string }) {
  const [length, setLength] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => setLength((now) => Math.min(now + 6, text.length)), 30)
    return () => clearInterval(timer)
  }, [text])
  return <Markdown text={text.slice(0, length)} streaming={length < text.length} />
}

export const Streaming: Story = {
  args: { text: ANSWER },
  render: (args) => <Grow text={args.text} />,
}
