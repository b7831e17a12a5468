import { MenuGroup, MenuGroupLabel, MenuItem } from '@neipix/ui'
import { Check } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { THEMES } from './looks-commands'
import { usePreferences } from './preferences'

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
