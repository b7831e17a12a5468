import { render, screen } from '@testing-library/react'
import { describe, expect, it } from 'vitest'
import { PixelPortrait, portraitCells } from './pixel-portrait'

const picture = (id: string) =>
  Array.from({ length: 5 }, (_, y) =>
    Array.from({ length: 5 }, (_, x) => {
      const cell = portraitCells(id).find((one) => one.x === x && one.y === y)
      return cell ? (cell.pale ? '+' : '#') : '.'
    }).join(''),
  )

const ids = Array.from({ length: 2000 }, (_, n) => `0192f0c1-7b1e-7c3a-9d2e-${String(n).padStart(12, '0')}`)

describe('portraitCells', () => {
  it('never changes: people know assistants by their faces', () => {
    expect(picture('0192f0c1-7b1e-7c3a-9d2e-5f1a2b3c4d5e')).toMatchInlineSnapshot(`
      [
        ".###.",
        "#.+.#",
        "##.##",
        ".#+#.",
        "#####",
      ]
    `)
    expect(picture('')).toMatchInlineSnapshot(`
      [
        "++#++",
        ".....",
        ".....",
        "#####",
        "+###+",
      ]
    `)
  })

  it('is mirrored', () => {
    for (const id of ids) for (const row of picture(id)) expect(row).toBe([...row].reverse().join(''))
  })

  it('is neither blank nor full', () => {
    for (const id of ids) {
      const { length } = portraitCells(id)
      expect(length).toBeGreaterThanOrEqual(6)
      expect(length).toBeLessThanOrEqual(23)
    }
  })

  it('tells apart ids that differ in one digit', () => {
    const faces = new Set(ids.map((id) => picture(id).join('/')))
    expect(faces.size).toBeGreaterThan(ids.length * 0.99)
  })
})

describe('PixelPortrait', () => {
  it('is silent beside a name and has one where it stands alone', () => {
    const { container } = render(<PixelPortrait id="a" />)
    expect(container.querySelector('svg')).toHaveAttribute('aria-hidden', 'true')
    render(<PixelPortrait id="a" label="Мария" />)
    expect(screen.getByRole('img', { name: 'Мария' })).toBeInTheDocument()
  })
})
