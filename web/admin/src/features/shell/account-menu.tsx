import { LooksItems, useSignOut } from '@neipix/shell'
import { Menu, MenuContent, MenuItem, MenuSeparator, MenuTrigger } from '@neipix/ui'
import { LogOut } from 'lucide-react'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'

/** Theme, language and the way out. It is open when it comes: somebody has reached for it. */
export default function AccountMenu({ trigger }: { trigger: ReactElement }) {
  const { t } = useTranslation('shell')
  const signOut = useSignOut()
  return (
    <Menu defaultOpen>
      <MenuTrigger render={trigger} />
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
