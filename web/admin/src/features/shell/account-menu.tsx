import { signOut, useMe, usePreferences, type Theme } from '@neipix/shell'
import {
  Menu,
  MenuCheckboxItem,
  MenuContent,
  MenuGroup,
  MenuGroupLabel,
  MenuItem,
  MenuSeparator,
  MenuTrigger,
  PixelPortrait,
  type Locale,
} from '@neipix/ui'
import { useMutation } from '@tanstack/react-query'
import { LogOut } from 'lucide-react'
import { useTranslation } from 'react-i18next'

const THEMES: readonly Theme[] = ['system', 'light', 'dark']
const LANGUAGES: readonly { id: Locale; name: string }[] = [
  { id: 'ru', name: 'Русский' },
  { id: 'en', name: 'English' },
]

/** Who is signed in, with the choice of theme and language, and the way out. */
export function AccountMenu() {
  const { t } = useTranslation('shell')
  const me = useMe()
  const { theme, language, setTheme, setLanguage } = usePreferences()
  const out = useMutation({ mutationFn: signOut })
  if (!me?.user) return null
  const { user, platformRole } = me
  return (
    <Menu>
      <MenuTrigger
        aria-label={t('account', { name: user.name })}
        className="hover:bg-surface flex min-h-11 min-w-0 items-center gap-2.5 rounded-md px-2 text-left text-sm transition-colors"
      >
        <PixelPortrait id={user.id} tone="human" size={28} />
        <span className="flex min-w-0 flex-col leading-tight">
          <span className="truncate font-medium">{user.name}</span>
          <span className="text-ink-2 text-2xs truncate">{t(`roles.${platformRole}`)}</span>
        </span>
      </MenuTrigger>
      <MenuContent side="top" align="start">
        <MenuGroup>
          <MenuGroupLabel>{t('theme')}</MenuGroupLabel>
          {THEMES.map((each) => (
            <MenuCheckboxItem key={each} checked={theme === each} onCheckedChange={() => setTheme(each)}>
              {t(`themes.${each}`)}
            </MenuCheckboxItem>
          ))}
        </MenuGroup>
        <MenuSeparator />
        <MenuGroup>
          <MenuGroupLabel>{t('language')}</MenuGroupLabel>
          {LANGUAGES.map(({ id, name }) => (
            <MenuCheckboxItem key={id} checked={language === id} onCheckedChange={() => setLanguage(id)}>
              {name}
            </MenuCheckboxItem>
          ))}
        </MenuGroup>
        <MenuSeparator />
        <MenuItem icon={<LogOut aria-hidden />} onClick={() => out.mutate()}>
          {t('signOut')}
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}
