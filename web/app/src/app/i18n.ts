import type { Locale } from '@neipix/ui'
import i18next, { type Resource } from 'i18next'
import { initReactI18next } from 'react-i18next'

/** Only the words of the language in use are loaded. */
async function wordsOf(language: Locale): Promise<Resource[string]> {
  return language === 'en' ? (await import('./texts.en')).en : (await import('./texts.ru')).ru
}

/** Speaks this language from now on. */
export async function speak(language: Locale): Promise<void> {
  if (!i18next.isInitialized) {
    await i18next.use(initReactI18next).init({
      lng: language,
      resources: { [language]: await wordsOf(language) },
      defaultNS: 'common',
      // React escapes by itself.
      interpolation: { escapeValue: false },
    })
  } else if (!i18next.hasResourceBundle(language, 'common')) {
    for (const [feature, words] of Object.entries(await wordsOf(language)))
      i18next.addResourceBundle(language, feature, words)
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = language
}
