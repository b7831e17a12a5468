import { LooksItems } from '@neipix/shell'
import {
  Menu,
  MenuContent,
  MenuItem,
  MenuLinkItem,
  MenuSeparator,
  MenuTrigger,
  PixelPortrait,
  type MenuContentProps,
} from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { ChevronsUpDown, CircleHelp, LogOut } from 'lucide-react'
import { useTranslation } from 'react-i18next'
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

/** Theme, language, help and the way out; on a phone also the sections that have no place on the bar. */
export function AccountMenu({
  side,
  withSections,
}: Pick<MenuContentProps, 'side'> & { withSections?: boolean }) {
  const { t } = useTranslation('shell')
  const me = useMe()
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
      <LooksItems />
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
