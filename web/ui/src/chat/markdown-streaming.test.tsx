import { render } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Markdown } from './markdown'
import * as tree from './markdown-tree'

vi.mock('./markdown-tree', async (original) => {
  const real = await original<typeof import('./markdown-tree')>()
  return { ...real, parseTree: vi.fn(real.parseTree) }
})

afterEach(() => vi.mocked(tree.parseTree).mockClear())

function html(text: string, streaming = true): string {
  const { container, unmount } = render(<Markdown text={text} streaming={streaming} />)
  const found = container.querySelector('[data-slot=markdown]')?.innerHTML ?? ''
  unmount()
  return found
}

describe('streaming', () => {
  it.each([
    ['смотрите [прайс](https://shop.exam', '<p>смотрите [прайс](https://shop.exam</p>'],
    ['смотрите [прайс]', '<p>смотрите [прайс]</p>'],
    ['смотрите ![прайс](https://shop.exam', '<p>смотрите ![прайс](https://shop.exam</p>'],
    ['[![лого](https://i.example/l.png)', '<p>[![лого](https://i.example/l.png)</p>'],
    ['<https://shop.example', '<p>&lt;https://shop.example</p>'],
    ['`[a](https://shop.example)', '<p>`[a](https://shop.example)</p>'],
    ['- раз\n- [два](https://s.ex', '<ul><li>раз</li><li>[два](https://s.ex</li></ul>'],
    ['**да** и [нет', '<p><strong>да</strong> и [нет</p>'],
  ])('W-3: holds what is unfinished as text: %s', (text, expected) => {
    expect(html(text)).toBe(expected)
  })

  it('holds an open fence as text, in the text and in a list', () => {
    expect(html('Код:\n```js\nlet a = 1\n\n# b')).toBe('<p>Код:</p><p>```js\nlet a = 1\n\n# b</p>')
    expect(html('- раз\n  ```\n  let')).toBe('<ul><li>раз</li></ul><p>  ```\n  let</p>')
    expect(html('```\nlet\n```')).toBe('<pre><code>let</code></pre>')
  })

  it('W-3: does not follow a definition whose address still grows', () => {
    expect(html('[a]\n\n[a]: https://shop.exam')).not.toContain('<a')
    expect(html('# [a]\n[a]: https://shop.exam')).not.toContain('<a')
    expect(html('[a]\n\n[a]: https://shop.example\n\nдальше')).toContain('href="https://shop.example/"')
  })

  it('does not flicker into a heading or an empty item', () => {
    expect(html('Список:\n-')).toBe('<p>Список:\n-</p>')
    expect(html('Список:\n\n- раз\n-')).toBe('<p>Список:</p><ul><li>раз\n-</li></ul>')
    expect(html('Итого\n=')).toBe('<p>Итого\n=</p>')
  })

  it('shows the same at the end as a text that came at once', () => {
    const text = 'Раз **два**\n\n- a\n- b\n\n[c](https://d.example)\n\n```\ne\n```\n'
    expect(html(text, true)).toBe(html(text, false))
  })

  it('parses and draws finished blocks once, whatever comes after', () => {
    const parse = vi.mocked(tree.parseTree)
    const renderMark = vi.fn((mark: number) => <b>{mark}</b>)
    const closed = 'Первый [1].\n\n- второй [2] пункт\n\n'
    const view = render(<Markdown text={closed} streaming renderMark={renderMark} />)
    const first = view.container.querySelector('p')
    const tokens = 'третий абзац, слово за словом'.split(' ')
    for (let n = 1; n <= tokens.length; n += 1) {
      const text = closed + tokens.slice(0, n).join(' ')
      view.rerender(<Markdown text={text} streaming renderMark={renderMark} />)
    }
    expect(parse.mock.calls.filter(([source]) => source === 'Первый [1].')).toHaveLength(1)
    expect(parse.mock.calls.filter(([source]) => source === '- второй [2] пункт')).toHaveLength(1)
    expect(renderMark.mock.calls.map(([mark]) => mark)).toEqual([1, 2])
    expect(view.container.querySelector('p')).toBe(first)
  })
})
