import { createContext, useContext } from 'react'

/** Languages that the kit formats numbers, money and dates for. */
export type Locale = 'ru' | 'en'

/** The language of formatting; set by `KitProvider`. */
export const LocaleContext = createContext<Locale>('ru')

/** The language given by a prop, else the one of the provider. */
export function useLocale(given?: Locale): Locale {
  const provided = useContext(LocaleContext)
  return given ?? provided
}
