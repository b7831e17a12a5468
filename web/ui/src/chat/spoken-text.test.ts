import { describe, expect, it } from 'vitest'
import { spokenText } from './spoken-text'

describe('spokenText', () => {
  it('leaves the marks of Markdown out', () => {
    expect(spokenText('## Цены\n\n- **Чай** ~~100~~ `90`')).toBe('Цены - Чай 100 90')
  })

  it('says the first 300 characters of a long text and stops at a word', () => {
    const spoken = spokenText('слово '.repeat(10_000))
    expect(spoken.length).toBeLessThanOrEqual(301)
    expect(spoken).toMatch(/слово…$/)
  })

  it('cuts a text without words', () => {
    expect(spokenText('я'.repeat(400)).length).toBeLessThanOrEqual(301)
  })
})
