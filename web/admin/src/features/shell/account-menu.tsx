import { LooksItems, useMe, useSignOut } from '@neipix/shell'
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger, PixelPortrait } from '@neipix/ui'
import { LogOut } from 'lucide-react'
import { useTranslation } from 'react-i18next'

/** Who is signed in, in which role, with theme, language and the way out. */
export function AccountMenu() {
  const { t } = useTranslation('shell')
  const me = useMe()
  const signOut = useSignOut()
  if (!me?.user) return null
  const { user, platformRole } = me
  return (
    <Menu>
      <MenuTrigger
        aria-label={t('account', { name: user.name })}
        className="hover:bg-surface flex min-h-11 w-full min-w-0 items-center gap-2.5 rounded-md px-2 text-left text-sm transition-colors"
      >
        <PixelPortrait id={user.id} tone="human" size={28} />
        <span className="flex min-w-0 flex-col leading-tight">
          <span className="truncate font-medium">{user.name}</span>
          <span className="text-ink-2 text-2xs truncate">{t(`roles.${platformRole}`)}</span>
        </span>
      </MenuTrigger>
      <MenuContent side="top" align="start" className="w-56">
        <LooksItems />
        <MenuSeparator />
        <MenuItem icon={<LogOut aria-hidden />} onClick={() => signOut.mutate()}>
          {t('signOut')}
        </MenuItem>
      </MenuContent>
    </Menu>
  )
}
