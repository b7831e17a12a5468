import type { Meta, StoryObj } from '@storybook/react-vite'
import { expect, fn, screen, userEvent, waitFor, within } from 'storybook/test'
import { SourceList, useCitationMarks, type SourceListProps } from './citations'
import { Markdown } from './markdown'
import { ANSWER, CITATIONS, CITATION_LABELS } from './samples'

function Answer(props: SourceListProps & { readonly text: string }) {
  const renderMark = useCitationMarks(props)
  return (
    <div className="max-w-xl p-4">
      <Markdown text={props.text} renderMark={renderMark} />
      <SourceList {...props} />
    </div>
  )
}

const meta = {
  title: 'Chat/Citations',
  component: Answer,
  args: { text: ANSWER, citations: CITATIONS, labels: CITATION_LABELS, onOpen: fn() },
} satisfies Meta<typeof Answer>
export default meta

type Story = StoryObj<typeof meta>

export const UnderAnAnswer: Story = {}

export const Opened: Story = {
  play: async ({ canvasElement, args }) => {
    const [mark] = within(canvasElement).getAllByRole('button', { name: /Источник 1/ })
    if (!mark) throw new Error('no mark')
    await userEvent.click(mark)
    const passage = await screen.findByRole('dialog', { name: 'Условия доставки 2026.pdf' })
    await waitFor(() => expect(passage).toBeVisible())
    await userEvent.click(within(passage).getByRole('button', { name: 'Открыть файл' }))
    await expect(args.onOpen).toHaveBeenCalledWith(CITATIONS[0])
  },
}

export const NumberWithoutASource: Story = {
  args: { text: 'Работаем ежедневно [1], кроме праздников [7].', citations: CITATIONS.slice(0, 1) },
}

export const LongNames: Story = {
  args: {
    text: 'Смотрите [1].',
    citations: [
      {
        number: 1,
        fileName:
          'Приложение № 4 к договору возмездного оказания услуг от 12 ноября 2026 года (редакция 3).pdf',
        page: 128,
        quote: 'Исполнитель обязуется оказать услуги в срок. '.repeat(20),
      },
    ],
  },
}
