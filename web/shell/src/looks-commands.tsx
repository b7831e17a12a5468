import type { PaletteGroup } from '@neipix/ui'
import { Languages, Monitor, Moon, Sun } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { usePreferences, type Theme } from './preferences'

/** The themes to choose from. */
export const THEMES: readonly { theme: Theme; icon: typeof Sun }[] = [
  { theme: 'light', icon: Sun },
  { theme: 'dark', icon: Moon },
  { theme: 'system', icon: Monitor },
]

/** Theme and language as commands of the palette. They stand apart from the menu, whose code the palette need not load. */
export function useLooks(): PaletteGroup {
  const { t } = useTranslation('shell')
  const { language, setTheme, setLanguage } = usePreferences()
  return {
    id: 'looks',
    heading: t('palette.looks'),
    commands: [
      ...THEMES.map(({ theme, icon: Icon }) => ({
        id: `theme-${theme}`,
        label: `${t('theme')}: ${t(`themes.${theme}`)}`,
        icon: <Icon aria-hidden />,
        onSelect: () => setTheme(theme),
      })),
      {
        id: 'language',
        label: language === 'ru' ? 'English' : 'Русский',
        keywords: [t('language'), 'language', 'язык'],
        icon: <Languages aria-hidden />,
        onSelect: () => setLanguage(language === 'ru' ? 'en' : 'ru'),
      },
    ],
  }
}
