import { speak, type WordsOf } from './language'
import { usePreferences, type Theme } from './preferences'

const dark = () => window.matchMedia('(prefers-color-scheme: dark)')

function paint(theme: Theme): void {
  const isDark = theme === 'dark' || (theme === 'system' && dark().matches)
  document.documentElement.dataset['theme'] = isDark ? 'dark' : 'light'
}

/** Theme and language follow the person's choice from now on, and the system's where they chose that. */
export async function followPreferences(wordsOf: WordsOf): Promise<void> {
  const { theme, language } = usePreferences.getState()
  paint(theme)
  dark().addEventListener('change', () => paint(usePreferences.getState().theme))
  usePreferences.subscribe((now, before) => {
    if (now.theme !== before.theme) paint(now.theme)
    if (now.language !== before.language) void speak(now.language, wordsOf)
  })
  await speak(language, wordsOf)
}
