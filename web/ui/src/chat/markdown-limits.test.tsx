import { render } from '@testing-library/react'
import { describe, expect, it, vi } from 'vitest'
import { Markdown } from './markdown'
import { TEXT_LIMIT } from './markdown-plan'
import { TREE_LIMITS } from './markdown-tree'

// What is tested is how much comes out, not how fast: a loaded machine may take its time.
vi.setConfig({ testTimeout: 60_000 })

const SIZE = 50_000
const fill = (piece: string, size = SIZE) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size)

function show(text: string, streaming = false) {
  const { container } = render(<Markdown text={text} streaming={streaming} />)
  const root = container.querySelector<HTMLElement>('[data-slot=markdown]')
  if (!root) throw new Error('no root')
  return root
}

function depthOf(node: Element): number {
  return 1 + Math.max(0, ...[...node.children].map(depthOf))
}

const HOSTILE: Record<string, string> = {
  brackets: fill('['),
  'balanced brackets': fill('[', SIZE / 2) + fill(']', SIZE / 2),
  stars: fill('*'),
  'open emphasis': fill('*a **b _c '),
  pipes: fill('|'),
  'wide table': `${fill('a|', 2000)}\n${fill('-|', 2000)}\n${fill('a|')}`,
  'long table': `|a|b|\n|-|-|\n${fill('|a|b|\n')}`,
  backticks: fill('`a``b```c'),
  'quotes in quotes': fill('>'),
  'quoted lines': fill('>>>>>>>>>>a\n'),
  'lists in lists': fill('- '),
  'lists by indent': Array.from({ length: 220 }, (_, i) => `${' '.repeat(i * 2)}- a`).join('\n'),
  'long list': fill('1. a\n'),
  'half links': fill('[a](b "'),
  'half autolinks': fill('<http:'),
  definitions: fill('[a]: b\n'),
  headings: fill('# a\n'),
  fences: fill('```\n'),
  marks: fill('[1]'),
  entities: fill('&amp;'),
  backslashes: fill('\\'),
  paragraphs: fill('a\n\n'),
  'many hostile blocks': Array.from({ length: 25 }, () => fill('*a_ ', 2000)).join('\n\n'),
  'a word without end': fill('а'),
}

describe('limits', () => {
  it.each(Object.entries(HOSTILE))('W-3: 50 KB of %s stay within the limits', (_name, text) => {
    for (const streaming of [false, true]) {
      const root = show(text, streaming)
      // Plain text beyond the limits adds one paragraph, held text another.
      expect(root.querySelectorAll('*').length).toBeLessThanOrEqual(TREE_LIMITS.elements + 2)
      expect(depthOf(root) - 1).toBeLessThanOrEqual(TREE_LIMITS.depth)
      expect(root.textContent?.length).toBeGreaterThan(0)
    }
  })

  it('W-3: gives form to the first elements and shows the rest as it is', () => {
    const root = show(Array.from({ length: 300 }, (_, i) => `**${i}**`).join('\n\n'))
    expect(root.querySelectorAll('strong')).toHaveLength(TREE_LIMITS.elements / 2)
    expect(root.lastElementChild?.textContent).toMatch(/^\*\*100\*\*\n\n\*\*101\*\*[^]*\*\*299\*\*$/)
  })

  it('W-3: gives form to the first 50 KB and shows the rest as it is', () => {
    const root = show(`**a**\n\n${fill('я', TEXT_LIMIT / 2)}\n\n**b**`)
    expect([...root.querySelectorAll('strong')].map((node) => node.textContent)).toEqual(['a'])
    expect(root.textContent?.endsWith('**b**')).toBe(true)
  })

  it('W-3: shows what is nested too deep as it is', () => {
    const root = show(`${'> '.repeat(15)}**a ${'*b _c '.repeat(10)}${'_ *'.repeat(10)}**`)
    expect(depthOf(root) - 1).toBeLessThanOrEqual(TREE_LIMITS.depth)
    expect(root.textContent).toContain('c')
  })

  it('lets a long but honest answer through', () => {
    const item = '- **Чайник** [Тефаль](https://shop.example/t): 2 490 ₽, есть на складе, доставим завтра\n'
    const root = show(`${item.repeat(30)}\n| a | b | c |\n|-|-|-|\n${'| 1 | 2 | 3 |\n'.repeat(10)}`)
    expect(root.querySelectorAll('a')).toHaveLength(30)
    expect(root.querySelectorAll('td')).toHaveLength(30)
  })
})
