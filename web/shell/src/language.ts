import type { Locale } from '@neipix/ui'
import i18next, { type Resource } from 'i18next'
import { initReactI18next } from 'react-i18next'

/** Loads an app's words in one language, those it needs by now: a namespace per feature, `common` among them. */
export type WordsOf = (language: Locale) => Promise<Resource[string]>

/** Speaks this language from now on. Only the words of the language in use are loaded. */
export async function speak(language: Locale, wordsOf: WordsOf): Promise<void> {
  if (!i18next.isInitialized) {
    await i18next.use(initReactI18next).init({
      lng: language,
      resources: { [language]: await wordsOf(language) },
      defaultNS: 'common',
      // React escapes by itself.
      interpolation: { escapeValue: false },
    })
  } else {
    // Also where it was spoken before: an app may need more words by now.
    for (const [feature, words] of Object.entries(await wordsOf(language)))
      i18next.addResourceBundle(language, feature, words)
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}
