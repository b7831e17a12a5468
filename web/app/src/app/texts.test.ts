import { expect, test } from 'vitest'
import { en as firstEn } from './texts.en'
import { ru as firstRu } from './texts.ru'
import { en as restEn } from './texts-rest.en'
import { ru as restRu } from './texts-rest.ru'

const ru = { ...firstRu, ...restRu }
const en = { ...firstEn, ...restEn }

function leaves(words: object, path = ''): [string, string][] {
  return Object.entries(words).flatMap(([key, value]) =>
    typeof value === 'string'
      ? [[`${path}${key}`, value] as [string, string]]
      : leaves(value as object, `${path}${key}.`),
  )
}

const variables = (text: string) => [...text.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort()

test('every word has its English, with the same variables', () => {
  const english = new Map(leaves(en))
  for (const [key, text] of leaves(ru)) {
    if (/_(few|many)$/.test(key)) continue
    // A word may be left out in both, never in one.
    expect(Boolean(english.get(key)), key).toBe(text !== '')
    expect(variables(english.get(key) ?? ''), key).toEqual(variables(text))
  }
})

test('every Russian plural has its four forms', () => {
  const keys = new Set(leaves(ru).map(([key]) => key))
  for (const key of keys) {
    if (!key.endsWith('_one')) continue
    for (const form of ['few', 'many', 'other']) expect(keys, key).toContain(key.replace(/_one$/, `_${form}`))
  }
})
