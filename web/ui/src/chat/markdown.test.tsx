import { render, screen, within } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import { Markdown } from './markdown'
import { LazyMarkdown } from './markdown-lazy'

function show(text: string, props: Partial<Parameters<typeof Markdown>[0]> = {}) {
  const { container } = render(<Markdown text={text} {...props} />)
  const root = container.querySelector<HTMLElement>('[data-slot=markdown]')
  if (!root) throw new Error('no root')
  return root
}

const tagsOf = (root: HTMLElement) => [...root.querySelectorAll('*')].map((node) => node.localName)

describe('Markdown', () => {
  it('renders CommonMark and the allowed parts of GFM', () => {
    const root = show(
      '# Доставка\n\n**Завтра** или *послезавтра*, ~~не сегодня~~, `код`.\nвторая строка\n\n3. три\n4. четыре\n\n' +
        '> цитата\n\n---\n\n- [x] оплачено\n- [ ] отправлено\n\n```js\nlet a\n```\n\n| Товар | Цена |\n|:-:|-:|\n| Чай | 90 |',
    )
    expect(root.innerHTML).toBe(
      '<h3>Доставка</h3><p><strong>Завтра</strong> или <em>послезавтра</em>, <del>не сегодня</del>, ' +
        '<code>код</code>.\nвторая строка</p><ol start="3"><li>три</li><li>четыре</li></ol>' +
        '<blockquote><p>цитата</p></blockquote><hr><ul><li>☑ оплачено</li><li>☐ отправлено</li></ul>' +
        '<pre><code class="language-js">let a</code></pre>' +
        '<table><thead><tr><th align="center">Товар</th><th align="right">Цена</th></tr></thead>' +
        '<tbody><tr><td align="center">Чай</td><td align="right">90</td></tr></tbody></table>',
    )
  })

  it('shifts headings below those of the page', () => {
    expect(tagsOf(show('# a\n## b\n### c\n#### d\n##### e\n###### f'))).toEqual([
      'h3',
      'h4',
      'h5',
      'h6',
      'h6',
      'h6',
    ])
  })

  it('keeps single tildes, which round a price', () => {
    expect(show('~500 ₽ или ~700 ₽').textContent).toBe('~500 ₽ или ~700 ₽')
  })

  it('puts the tick of a loose task into its paragraph', () => {
    expect(show('- [x] a\n\n- b').innerHTML).toBe('<ul><li><p>☑ a</p></li><li><p>b</p></li></ul>')
  })

  it('W-3: shows raw HTML as characters', () => {
    const html = '<script>alert(1)</script>\n\n<img src=x onerror=alert(1)> <b>жирно</b> <!-- c --> &lt;i&gt;'
    const root = show(html)
    expect(tagsOf(root)).toEqual(['p', 'p'])
    expect(root.textContent).toBe(
      '<script>alert(1)</script><img src=x onerror=alert(1)> <b>жирно</b> <!-- c --> <i>',
    )
  })

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'java&#x0A;script:alert(1)',
    'java\u202Escript:alert(1)',
    '&#x6A;avascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'blob:https://x/y',
    '//evil.example',
    '/relative',
    '#hash',
    'mailto:',
  ])('W-3: leaves only the label of a link to %s', (target) => {
    const root = show(`[нажми](${target})`)
    expect(tagsOf(root)).toEqual(['p'])
    expect(root.textContent).toBe('нажми')
  })

  it('W-3: makes links that give nothing away and cannot reach back', () => {
    const link = within(show('[Каталог](https://shop.example/a?b=1)')).getByRole('link')
    expect(link).toHaveAttribute('href', 'https://shop.example/a?b=1')
    expect(link).toHaveAttribute('rel', 'noopener noreferrer nofollow ugc')
    expect(link).toHaveAttribute('target', '_blank')
    expect(link).toHaveTextContent('Каталог (shop.example)')
  })

  it.each([
    ['[shop.example](https://shop.example)', 'shop.example'],
    ['[https://shop.example/a](https://shop.example/a/b)', 'https://shop.example/a'],
    ['<https://shop.example/a>', 'https://shop.example/a'],
    ['[магазин.рф](https://магазин.рф/)', 'магазин.рф'],
    ['[+7 (495) 123-45-67](tel:+74951234567)', '+7 (495) 123-45-67'],
    ['[a@b.example](mailto:a@b.example)', 'a@b.example'],
    ['[](https://shop.example/x)', 'shop.example'],
  ])('does not repeat an address that the label says: %s', (text, label) => {
    expect(within(show(text)).getByRole('link').textContent).toBe(label)
  })

  it.each([
    ['[bank.example](https://evil.example)', 'bank.example (evil.example)'],
    ['[bank.example](https://bank.example@evil.example/)', 'bank.example (evil.example)'],
    [
      '[https://bank.example@evil.example](https://bank.example@evil.example)',
      'https://bank.example@evil.example (evil.example)',
    ],
    ['[shop.example](https://shop.example:8443)', 'shop.example (shop.example:8443)'],
    ['[shop.example](https://shop.example.evil.example)', 'shop.example (shop.example.evil.example)'],
    ['[аpple.com](https://аpple.com)', 'аpple.com (xn--pple-43d.com)'],
    ['[позвонить](tel:+79001112233)', 'позвонить (+79001112233)'],
    ['[напишите нам](mailto:a@b.example?subject=x)', 'напишите нам (a@b.example)'],
    ['[\u200B](https://evil.example)', '\u200B (evil.example)'],
  ])('W-3: says where a link really goes: %s', (text, label) => {
    const link = within(show(text)).getByRole('link')
    expect(link.textContent).toBe(label)
    expect(link.getAttribute('href')).not.toContain('@evil')
  })

  it('does not link bare domains and addresses', () => {
    expect(tagsOf(show('shop.example, www.shop.example, https://shop.example, a@b.example'))).toEqual(['p'])
  })

  it('W-3: never fetches an image, direct or by reference', () => {
    const root = show(
      '![схема](https://evil.example/?q=secret) ![б][ref] ![](https://e.example/x)\n\n[ref]: https://r.example/i.png',
    )
    expect(tagsOf(root)).toEqual(['p', 'a', 'a', 'a'])
    expect(root.textContent).toBe('схема (evil.example) б (r.example) e.example')
  })

  it('shows an image inside a link as the words of the link', () => {
    const root = show('[![лого](https://i.example/l.png)](https://shop.example)')
    expect(tagsOf(root)).toEqual(['p', 'a'])
    expect(within(root).getByRole('link')).toHaveAttribute('href', 'https://shop.example/')
  })

  it('follows references across blocks, before and after their definition', () => {
    const root = show('[раз][r] и [r]\n\nабзац\n\n[r]: https://r.example/x\n\n- [два][r]')
    expect(within(root).getAllByRole('link')).toHaveLength(3)
  })

  it('W-3: removes hidden characters, also when they are written as entities', () => {
    const root = show(
      'a\u202Eb&#x202E;c&#xE0041;d `e\u2066f` [x\u202E](https://s.example/&#x202E;)\n\n```\ng\u{E0041}h\n```',
    )
    expect(root.textContent).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/u)
    expect(root.textContent).toBe('abcd ef x (s.example)gh')
  })

  it('W-3: takes only a plain word as the language of code', () => {
    const root = show('```"><img\na\n```\n\n```c++\nb\n```\n\n```x y\nc\n```')
    expect([...root.querySelectorAll('code')].map((code) => code.className)).toEqual([
      '',
      'language-c++',
      'language-x',
    ])
  })

  it('draws marks of sources, and leaves marks without a source, links and code alone', () => {
    const renderMark = vi.fn((mark: number) => (mark === 1 ? <button type="button">{mark}</button> : null))
    const root = show('Да [1], нет [2]. `[1]` [см. [1]](https://a.example)', { renderMark })
    expect(within(root).getAllByRole('button')).toHaveLength(1)
    expect(root.textContent).toBe('Да 1, нет [2]. [1] см. [1] (a.example)')
  })

  it('W-3: a text cannot point the mark of a source elsewhere', () => {
    const renderMark = (mark: number) => <button type="button">{mark}</button>
    const root = show('Да [1].\n\n[1]: https://evil.example', { renderMark })
    expect(root.innerHTML).toBe('<p>Да <button type="button">1</button>.</p>')
  })

  it('is fetched lazily, with the cleaned text in the meantime', async () => {
    render(<LazyMarkdown text={'**жир\u202Eно**'} />)
    expect(screen.getByText('**жирно**')).toBeInTheDocument()
    expect((await screen.findByText('жирно')).localName).toBe('strong')
  })
})
