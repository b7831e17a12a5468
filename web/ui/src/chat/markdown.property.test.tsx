import { render } from '@testing-library/react'
import * as fc from 'fast-check'
import { fromMarkdown } from 'mdast-util-from-markdown'
import { describe, expect, it, vi } from 'vitest'
import { splitBlocks } from './markdown-blocks'
import { Markdown } from './markdown'
import { parseTree, TAGS } from './markdown-tree'

// Hundreds of renders: a loaded machine needs more than the five seconds of a common test.
vi.setConfig({ testTimeout: 60_000 })

const ALLOWED: Record<string, readonly string[]> = {
  a: ['href', 'rel', 'target'],
  ol: ['start'],
  th: ['align'],
  td: ['align'],
  code: ['class'],
}

/** Pieces that hostile Markdown is made of. */
const piece = fc.constantFrom(
  ...[
    '[',
    ']',
    '(',
    ')',
    '![',
    '](',
    '<',
    '>',
    '`',
    '```',
    '~~~',
    '*',
    '**',
    '_',
    '~~',
    '|',
    '\n',
    '\n\n',
    '    ',
  ],
  ...[
    '- ',
    '1. ',
    '# ',
    '> ',
    '---',
    '===',
    ':',
    '\\',
    '&',
    '&#x202E;',
    '&colon;',
    '"',
    "'",
    '[ ] ',
    '[x] ',
    '[1]',
    '\t',
  ],
  ...[
    'javascript:',
    'data:',
    'https://a.example',
    'http:',
    'mailto:a@b.example',
    'tel:+7',
    '//x',
    'a',
    'слово',
    ' ',
  ],
  ...[
    '<script>',
    '<img src=x onerror=y>',
    '<a href="javascript:x">',
    '<!--',
    '\u202E',
    '\u{E0041}',
    '\uDB40',
    '\0',
    '\r',
  ],
  ...[
    '|-|-|',
    '|:-:|',
    '[r]: https://r.example',
    '![i](https://i.example)',
    '[l](https://l.example)',
    '<https://u.example>',
  ],
)
const hostile = fc.oneof(
  fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
  fc.string({ unit: 'binary', maxLength: 80 }),
)

/** Pieces that honest answers are made of. */
const honest = fc
  .array(
    fc.constantFrom(
      ...[
        'слово ',
        'и ещё, ',
        '**жирно** ',
        '`код [x](https://no.example)` ',
        '[ссылка](https://a.example/b_(c)) ',
      ],
      ...[
        '![схема](https://b.example/i.png) ',
        '<https://c.example/d> ',
        '[по имени][r] ',
        '[r] ',
        '[1] ',
        '[нет] ',
      ],
      ...[
        '[![лого](https://e.example)](https://f.example) ',
        '\\[не ссылка](https://x) ',
        '\n',
        '\n\n',
        '\n\n- пункт ',
      ],
      ...['\n\n> цитата ', '\n\n## Раздел\n\n', '\n\n```js\nlet a = [b](https://no.example)\n\nc\n```\n\n'],
      ...['\n\n1. [раз](https://g.example)\n2. два ', '\n\n[r]: https://h.example/i\n\n'],
    ),
    { minLength: 1, maxLength: 14 },
  )
  .map((pieces) => pieces.join(''))

function show(text: string, streaming: boolean): HTMLElement {
  const { container, unmount } = render(<Markdown text={text} streaming={streaming} />)
  const copy = container.cloneNode(true)
  unmount()
  const root = copy instanceof HTMLElement ? copy.querySelector<HTMLElement>('[data-slot=markdown]') : null
  if (!root) throw new Error('no root')
  return root
}

const hrefs = (root: HTMLElement) =>
  [...root.querySelectorAll('a')].map((link) => link.getAttribute('href') ?? '')

function expectSafe(root: HTMLElement): void {
  for (const node of root.querySelectorAll('*')) {
    expect(TAGS).toContain(node.localName)
    const allowed = ALLOWED[node.localName] ?? []
    for (const name of node.getAttributeNames()) expect(allowed).toContain(name)
    if (node.hasAttribute('class')) expect(node.getAttribute('class')).toMatch(/^language-[\w+#.-]+$/)
  }
  for (const href of hrefs(root)) {
    expect(['http:', 'https:', 'mailto:', 'tel:']).toContain(new URL(href).protocol)
  }
  expect(root.querySelector('img')).toBeNull()
  expect(root.textContent).not.toMatch(/[\u202A-\u202E\u2066-\u2069\u{E0000}-\u{E007F}]/u)
}

describe('Markdown, for any text', () => {
  it('W-3: never throws, never leaves the allowed elements, attributes and schemes, never shows an image', () => {
    fc.assert(
      fc.property(hostile, fc.boolean(), (text, streaming) => expectSafe(show(text, streaming))),
      { numRuns: 300 },
    )
  })

  it('W-3: a streamed prefix never shows a link that the whole text does not have', () => {
    fc.assert(
      fc.property(honest, fc.nat(), (text, cut) => {
        const prefix = text.slice(0, cut % (text.length + 1))
        const whole = new Set(hrefs(show(text, false)))
        for (const href of hrefs(show(prefix, true))) expect(whole).toContain(href)
      }),
      { numRuns: 300 },
    )
  })

  it('W-3: every prefix of a hostile text is safe while it streams', () => {
    fc.assert(
      fc.property(hostile, fc.nat(), (text, cut) =>
        expectSafe(show(text.slice(0, cut % (text.length + 1)), true)),
      ),
      { numRuns: 200 },
    )
  })

  it('shows the same streamed to the end as at once, but for an end that is unfinished', () => {
    fc.assert(
      fc.property(honest, (text) => {
        const ended = `${text}\n\nконец`
        expect(show(ended, true).innerHTML).toBe(show(ended, false).innerHTML)
      }),
      { numRuns: 100 },
    )
  })
})

describe('splitBlocks', () => {
  it('cuts only where the parser would', () => {
    fc.assert(
      fc.property(honest, (text) => {
        // Links by reference are put together later: here the cut alone is looked at.
        const plain = text.replaceAll('[r]', 'r').replaceAll('\r', '')
        const whole = parseTree(plain)?.nodes
        const parts = splitBlocks(plain).map(({ source }) => parseTree(source)?.nodes)
        fc.pre(whole !== undefined && parts.every((nodes) => nodes !== undefined))
        expect(parts.flat()).toEqual(whole)
      }),
      { numRuns: 300 },
    )
  })

  it('loses nothing of any text but blank lines', () => {
    fc.assert(
      fc.property(hostile, (raw) => {
        const text = raw.replaceAll('\r', '')
        const squeezed = (value: string) => value.replace(/\s+/g, '')
        expect(
          squeezed(
            splitBlocks(text)
              .map(({ source }) => source)
              .join('\n'),
          ),
        ).toBe(squeezed(text))
      }),
    )
  })
})

it('the parser itself would give raw HTML and images, so the tests above test something', () => {
  const types = fromMarkdown('<b>a</b> ![i](https://i.example)').children.flatMap((node) =>
    node.type === 'paragraph' ? node.children.map((child) => child.type) : [],
  )
  expect(types).toContain('html')
  expect(types).toContain('image')
})
