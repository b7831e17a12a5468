import {
  Menu,
  MenuContent,
  MenuGroup,
  MenuGroupLabel,
  MenuItem,
  MenuLinkItem,
  MenuSeparator,
  MenuTrigger,
} from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { Check, CircleHelp, LogOut, Monitor, Moon, Sun } from 'lucide-react'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { usePreferences, type Theme } from '@app/shared/preferences'
import { useMe } from '@app/shared/session'
import { sectionsFor } from './sections'
import { useSignOut } from './sign-out'
import { openWindow } from './state'

const THEMES: readonly { theme: Theme; icon: typeof Sun }[] = [
  { theme: 'light', icon: Sun },
  { theme: 'dark', icon: Moon },
  { theme: 'system', icon: Monitor },
]

const LANGUAGES = [
  { language: 'ru', name: 'Русский' },
  { language: 'en', name: 'English' },
] as const

export interface AccountMenuProps {
  /** The button that opens it, with its look. */
  trigger: ReactElement
  /** On a phone: also the sections that have no place on the bar. */
  withSections: boolean
  defaultOpen: boolean
}

/** Theme, language, help and the way out. */
export default function AccountMenu({ trigger, withSections, defaultOpen }: AccountMenuProps) {
  return (
    <Menu defaultOpen={defaultOpen}>
      <MenuTrigger render={trigger} />
      <Items withSections={withSections} />
    </Menu>
  )
}

function Items({ withSections }: Pick<AccountMenuProps, 'withSections'>) {
  const { t } = useTranslation('shell')
  const me = useMe()
  const { theme, language, setTheme, setLanguage } = usePreferences()
  const signOut = useSignOut()
  const sections = sectionsFor(me?.permissions ?? []).filter((section) => !section.onBar)
  return (
    <MenuContent side="top" align="start" className="w-60">
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
