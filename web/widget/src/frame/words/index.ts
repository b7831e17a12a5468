import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { en } from './en'
import { ru, type Words } from './ru'

export type { Words }

/** A language of the frame. */
export type Language = 'ru' | 'en'

const ALL: Readonly<Record<Language, Words>> = { ru, en }

export const LanguageContext = createContext<Language>('ru')

/** The words of the language in use. */
export function useWords(): Words {
  return ALL[useContext(LanguageContext)]
}

/** The words of a language, for what stands outside of the tree. */
export function wordsOf(language: Language): Words {
  return ALL[language]
}

/** What a reason of the server means for a visitor. */
export function troubleIn(words: Words, reason: string): string {
  return words.reasons[reason] ?? words.failure
}
