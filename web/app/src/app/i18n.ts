import { speak as speakWords, type WordsOf } from '@neipix/shell'
import type { Locale } from '@neipix/ui'

/** The app's words. */
export const wordsOf: WordsOf = async (language) =>
  language === 'en' ? (await import('./texts.en')).en : (await import('./texts.ru')).ru

/** Speaks this language from now on. */
export const speak = (language: Locale): Promise<void> => speakWords(language, wordsOf)
