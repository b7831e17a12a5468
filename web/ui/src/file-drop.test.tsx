import { render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { describe, expect, it, vi } from 'vitest'
import { checkFiles, type FileRules } from './file-check'
import { FileDrop } from './file-drop'

const rules: FileRules = { extensions: ['pdf', 'txt'], maxBytes: 10, maxFiles: 3 }
const file = (name: string, size = 4) => new File(['x'.repeat(size)], name)
const reasons = (files: File[], known?: { name: string; size: number }[]) =>
  checkFiles(files, rules, known).rejected.map(({ file: refused, reason }) => [refused.name, reason])

describe('checkFiles', () => {
  it('takes what keeps the rules, whatever the case of the ending', () => {
    const { accepted, rejected } = checkFiles([file('a.pdf'), file('B.TXT')], rules)
    expect(accepted.map(({ name }) => name)).toEqual(['a.pdf', 'B.TXT'])
    expect(rejected).toEqual([])
  })

  it('takes a file at the limit and refuses one above it', () => {
    expect(reasons([file('a.pdf', 10), file('b.pdf', 11)])).toEqual([['b.pdf', 'size']])
  })

  it.each(['a.exe', 'pdf', '.pdf', 'a.pdf.exe', 'a'])('refuses the kind of "%s"', (name) => {
    expect(reasons([file(name)])).toEqual([[name, 'type']])
  })

  it('refuses empty files', () => {
    expect(reasons([file('a.pdf', 0)])).toEqual([['a.pdf', 'empty']])
  })

  it('refuses a file that is there already, or twice in one drop', () => {
    expect(reasons([file('a.pdf'), file('b.pdf'), file('b.pdf')], [{ name: 'a.pdf', size: 4 }])).toEqual([
      ['a.pdf', 'duplicate'],
      ['b.pdf', 'duplicate'],
    ])
  })

  it('counts the files that are there, and only good ones', () => {
    const known = [
      { name: '1.pdf', size: 1 },
      { name: '2.pdf', size: 1 },
    ]
    expect(reasons([file('bad.exe'), file('a.pdf'), file('b.pdf')], known)).toEqual([
      ['bad.exe', 'type'],
      ['b.pdf', 'count'],
    ])
  })
})

describe('FileDrop', () => {
  it('hands over the good files and says why the others were refused', async () => {
    const onFiles = vi.fn()
    render(
      <FileDrop
        rules={rules}
        onFiles={onFiles}
        labels={{
          title: 'Перетащите файлы',
          browse: 'Выбрать файлы',
          hint: 'До 10 байт',
          dropHere: 'Отпустите',
          rejected: 'Не загрузим',
          reason: ({ reason }) => `причина: ${reason}`,
          dismiss: 'Скрыть',
        }}
      />,
    )
    const input = screen.getByLabelText('Выбрать файлы', { selector: 'input' })
    expect(input).toHaveAttribute('accept', '.pdf,.txt')
    await userEvent.setup({ applyAccept: false }).upload(input, [file('a.pdf'), file('b.exe')])
    const alert = await screen.findByRole('alert')
    expect(within(alert).getByRole('listitem')).toHaveTextContent('b.exe: причина: type')
    expect(onFiles).toHaveBeenCalledOnce()
    expect(onFiles.mock.calls[0]?.[0].map(({ name }: File) => name)).toEqual(['a.pdf'])
    await userEvent.click(screen.getByRole('button', { name: 'Скрыть' }))
    expect(screen.queryByRole('alert')).not.toBeInTheDocument()
  })
})
