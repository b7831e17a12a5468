import { LooksItems } from '@neipix/shell'
import { Menu, MenuContent, MenuItem, MenuLinkItem, MenuSeparator, MenuTrigger } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { CircleHelp, LogOut } from 'lucide-react'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { useMe } from '@app/shared/session'
import { sectionsFor } from './sections'
import { useSignOut } from './sign-out'
import { openWindow } from './state'

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
