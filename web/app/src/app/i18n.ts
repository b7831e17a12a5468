import { speak as speakWords, usePreferences, type WordsOf } from '@neipix/shell'
import type { Locale } from '@neipix/ui'
import i18next from 'i18next'

/** Whether somebody went beyond the first screens: from then on another language brings all its words. */
let beyond = false

const firstOf: WordsOf = async (language) =>
  language === 'en' ? (await import('./texts.en')).en : (await import('./texts.ru')).ru

const restOf: WordsOf = async (language) =>
  language === 'en' ? (await import('./texts-rest.en')).en : (await import('./texts-rest.ru')).ru

/** The app's words, as far as they are needed. */
export const wordsOf: WordsOf = async (language) => {
  const [first, rest] = await Promise.all([firstOf(language), beyond ? restOf(language) : {}])
  return { ...first, ...rest }
}

/** Loads the words that the first screens do without. Screens that need them are drawn after it. */
export async function loadWords(): Promise<void> {
  beyond = true
  // Another language may be on its way, with the first words only.
  const languages = new Set([usePreferences.getState().language, i18next.language as Locale])
  await Promise.all(
    [...languages].map(async (language) => {
      for (const [feature, words] of Object.entries(await restOf(language)))
        i18next.addResourceBundle(language, feature, words)
    }),
  )
}

/** Speaks this language from now on, with all words. */
export const speak = (language: Locale): Promise<void> => {
  beyond = true
  return speakWords(language, wordsOf)
}
