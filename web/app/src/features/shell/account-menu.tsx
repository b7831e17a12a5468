import {
  Menu,
  MenuContent,
  MenuGroup,
  MenuGroupLabel,
  MenuItem,
  MenuLinkItem,
  MenuSeparator,
  MenuTrigger,
  PixelPortrait,
  type MenuContentProps,
} from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { Check, ChevronsUpDown, CircleHelp, LogOut, Monitor, Moon, Sun } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { usePreferences, type Theme } from '@app/shared/preferences'
import { useMe } from '@app/shared/session'
import { sectionsFor } from './sections'
import { useSignOut } from './sign-out'
import { openWindow } from './state'

/** Who is signed in, at the foot of the side column; opens the menu. */
export function AccountButton() {
  const { t } = useTranslation('shell')
  const me = useMe()
  return (
    <Menu>
      <MenuTrigger
        aria-label={`${t('account')}: ${me?.user?.name ?? ''}`}
        className="hover:bg-sunken data-popup-open:bg-sunken flex w-full items-center gap-2.5 rounded-md p-2 text-left"
      >
        <PixelPortrait id={me?.user?.id ?? ''} tone="human" size={32} />
        <span className="min-w-0 flex-1 leading-tight">
          <span className="block truncate text-sm font-medium">{me?.user?.name}</span>
          <span className="text-2xs text-ink-2 block truncate">{me?.workspace?.name}</span>
        </span>
        <ChevronsUpDown aria-hidden className="text-ink-2 size-4" />
      </MenuTrigger>
      <AccountMenu side="top" />
    </Menu>
  )
}

const THEMES: readonly { theme: Theme; icon: typeof Sun }[] = [
  { theme: 'light', icon: Sun },
  { theme: 'dark', icon: Moon },
  { theme: 'system', icon: Monitor },
]

const LANGUAGES = [
  { language: 'ru', name: 'Русский' },
  { language: 'en', name: 'English' },
] as const

/** Theme, language, help and the way out; on a phone also the sections that have no place on the bar. */
export function AccountMenu({
  side,
  withSections,
}: Pick<MenuContentProps, 'side'> & { withSections?: boolean }) {
  const { t } = useTranslation('shell')
  const me = useMe()
  const { theme, language, setTheme, setLanguage } = usePreferences()
  const signOut = useSignOut()
  const sections = sectionsFor(me?.permissions ?? []).filter((section) => !section.onBar)
  return (
    <MenuContent side={side} align="start" className="w-60">
      {withSections
        ? sections.map(({ id, to, icon: Icon }) => (
            <MenuLinkItem key={id} icon={<Icon aria-hidden />} render={<Link to={to} />}>
              {t(`nav.${id}`)}
            </MenuLinkItem>
          ))
        : null}
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
      <MenuSeparator />
      <MenuItem icon={<CircleHelp aria-hidden />} onClick={() => openWindow('help')}>
        {t('help')}
      </MenuItem>
      <MenuItem icon={<LogOut aria-hidden />} onClick={() => signOut.mutate()}>
        {t('signOut')}
      </MenuItem>
    </MenuContent>
  )
}
