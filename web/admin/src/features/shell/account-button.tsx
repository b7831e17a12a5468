import { useMe } from '@neipix/shell'
import { PixelPortrait } from '@neipix/ui'
import { lazy, Suspense, useState, type ButtonHTMLAttributes } from 'react'
import { useTranslation } from 'react-i18next'

const load = () => import('./account-menu')
const AccountMenu = lazy(load)

/** Who is signed in, in which role; opens the menu, whose code comes when somebody reaches for it. */
export function AccountButton() {
  const { t } = useTranslation('shell')
  const me = useMe()
  const [wanted, setWanted] = useState(false)
  if (!me?.user) return null
  const { user, platformRole } = me
  const button = (
    props: Pick<ButtonHTMLAttributes<HTMLButtonElement>, 'onClick' | 'onPointerEnter' | 'onFocus'>,
  ) => (
    <button
      type="button"
      {...props}
      aria-label={t('account', { name: user.name })}
      className="hover:bg-surface flex min-h-11 w-full min-w-0 items-center gap-2.5 rounded-md px-2 text-left text-sm transition-colors"
    >
      <PixelPortrait id={user.id} tone="human" size={28} />
      <span className="flex min-w-0 flex-col leading-tight">
        <span className="truncate font-medium">{user.name}</span>
        <span className="text-ink-2 text-2xs truncate">{t(`roles.${platformRole}`)}</span>
      </span>
    </button>
  )
  const still = button({
    onPointerEnter: () => void load(),
    onFocus: () => void load(),
    onClick: () => setWanted(true),
  })
  if (!wanted) return still
  return (
    <Suspense fallback={still}>
      <AccountMenu trigger={button({})} />
    </Suspense>
  )
}
