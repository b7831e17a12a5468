import { render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { SourceList, useCitationMarks, type Citation, type CitationLabels } from './citations'
import { Markdown } from './markdown'

const LABELS: CitationLabels = {
  mark: ({ number, fileName }) => `Источник ${number}: ${fileName}`,
  page: (page) => `стр. ${page}`,
  sources: 'Источники',
  open: 'Открыть файл',
}
const CITATIONS: readonly Citation[] = [
  { number: 1, fileName: 'Прайс.pdf', page: 4, quote: 'Доставка по Москве — 300 ₽.' },
  { number: 2, fileName: 'Правила.docx', quote: '<b>Возврат</b> в течение 14\u202E дней' },
]

function Answer({ text, onOpen }: { readonly text: string; readonly onOpen?: (citation: Citation) => void }) {
  const renderMark = useCitationMarks({ citations: CITATIONS, labels: LABELS, onOpen })
  return (
    <>
      <Markdown text={text} renderMark={renderMark} />
      <SourceList citations={CITATIONS} labels={LABELS} onOpen={onOpen} />
    </>
  )
}

describe('citations', () => {
  it('makes a mark a button that shows file, page and passage, and gives the focus back', async () => {
    render(<Answer text="Доставим за 300 ₽ [1]. Ещё [7]." />)
    const prose = screen.getByText(/Доставим/)
    expect(prose).toHaveTextContent('Ещё [7].')
    const mark = within(prose).getByRole('button', { name: 'Источник 1: Прайс.pdf' })
    await userEvent.click(mark)
    const passage = await screen.findByRole('dialog', { name: 'Прайс.pdf' })
    expect(passage).toHaveTextContent('стр. 4')
    expect(passage).toHaveAccessibleDescription('Доставка по Москве — 300 ₽.')
    await userEvent.keyboard('{Escape}')
    expect(screen.queryByRole('dialog')).not.toBeInTheDocument()
    expect(mark).toHaveFocus()
  })

  it('opens by keyboard and passes the citation on', async () => {
    const onOpen = vi.fn()
    render(<Answer text="Да [1]" onOpen={onOpen} />)
    await userEvent.tab()
    await userEvent.keyboard('{Enter}')
    await userEvent.click(await screen.findByRole('button', { name: 'Открыть файл' }))
    expect(onOpen).toHaveBeenCalledExactlyOnceWith(CITATIONS[0])
  })

  it('W-3: shows file names and passages as text, hidden characters removed', async () => {
    render(<Answer text="" />)
    const list = screen.getByRole('region', { name: 'Источники' })
    expect(within(list).getAllByRole('listitem')).toHaveLength(2)
    await userEvent.click(within(list).getByRole('button', { name: '2 Правила.docx' }))
    expect(await screen.findByRole('dialog')).toHaveTextContent('<b>Возврат</b> в течение 14 дней')
  })

  it('shows no list without sources', () => {
    const { container } = render(<SourceList citations={[]} labels={LABELS} />)
    expect(container).toBeEmptyDOMElement()
  })
})
