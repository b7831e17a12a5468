// @vitest-environment node
import { expect, test } from 'vitest'
import { languageOf, readConfig } from './config'

test('a page without its data, or with torn data, has no configuration', () => {
  for (const text of [
    undefined,
    null,
    '',
    '__NEIPIX_WIDGET_CONFIG__',
    '{',
    '7',
    'null',
    '{"key":""}',
    '{"key":7}',
  ]) {
    expect(readConfig(text)).toBeUndefined()
  }
})

test('what is missing or of a wrong kind takes its default', () => {
  expect(
    readConfig('{"key":"wk_1","origins":["https://shop.ru",7],"accent":5,"requireIdentity":"yes"}'),
  ).toEqual({
    key: 'wk_1',
    origins: ['https://shop.ru'],
    locale: '',
    title: '',
    greeting: '',
    accent: '',
    side: '',
    scheme: '',
    requireIdentity: false,
  })
})

test('the owner decides the language, then the page, then it is Russian', () => {
  expect(languageOf('en', 'ru')).toBe('en')
  expect(languageOf('', 'de-AT')).toBe('en')
  expect(languageOf('', 'ru-RU')).toBe('ru')
  expect(languageOf('', '')).toBe('ru')
})
