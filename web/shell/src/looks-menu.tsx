import { MenuGroup, MenuGroupLabel, MenuItem, type PaletteGroup } from '@neipix/ui'
import { Check, Languages, Monitor, Moon, Sun } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { usePreferences, type Theme } from './preferences'

const THEMES: readonly { theme: Theme; icon: typeof Sun }[] = [
  { theme: 'light', icon: Sun },
  { theme: 'dark', icon: Moon },
  { theme: 'system', icon: Monitor },
]

const LANGUAGES = [
  { language: 'ru', name: 'Русский' },
  { language: 'en', name: 'English' },
] as const

/** Theme and language, as items of a menu. */
export function LooksItems() {
  const { t } = useTranslation('shell')
  const { theme, language, setTheme, setLanguage } = usePreferences()
  return (
    <>
      <MenuGroup>
        <MenuGroupLabel>{t('theme')}</MenuGroupLabel>
        {THEMES.map(({ theme: one, icon: Icon }) => (
          <MenuItem
            key={one}
            icon={<Icon aria-hidden />}
            shortcut={one === theme ? <Check aria-hidden className="text-ai" /> : null}
            closeOnClick={false}
            onClick={() => setTheme(one)}
          >
            {t(`themes.${one}`)}
          </MenuItem>
        ))}
      </MenuGroup>
      <MenuGroup>
        <MenuGroupLabel>{t('language')}</MenuGroupLabel>
        {LANGUAGES.map(({ language: one, name }) => (
          <MenuItem
            key={one}
            lang={one}
            icon={<span className="size-4" />}
            shortcut={one === language ? <Check aria-hidden className="text-ai" /> : null}
            onClick={() => setLanguage(one)}
          >
            {name}
          </MenuItem>
        ))}
      </MenuGroup>
    </>
  )
}

/** The same as commands of the palette. */
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
