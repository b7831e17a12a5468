import type { WordsOf } from '@neipix/shell'

/** The panel's words. */
export const wordsOf: WordsOf = async (language) =>
  language === 'en' ? (await import('./texts.en')).en : (await import('./texts.ru')).ru
