import { PixelPortrait } from '@neipix/ui'
import { ChevronsUpDown, MoreHorizontal } from 'lucide-react'
import { lazy, Suspense, useState, type ButtonHTMLAttributes, type ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { useMe } from '@app/shared/session'

const load = () => import('./account-menu')
const AccountMenu = lazy(load)

/** Who is signed in, at the foot of the side column; opens the menu. */
export function AccountButton() {
  const { t } = useTranslation('shell')
  const me = useMe()
  const button = (props: Opening) => (
    <button
      type="button"
      {...props}
      aria-label={`${t('account')}: ${me?.user?.name ?? ''}`}
      className="hover:bg-sunken data-popup-open:bg-sunken flex w-full items-center gap-2.5 rounded-md p-2 text-left"
    >
      <PixelPortrait id={me?.user?.id ?? ''} tone="human" size={32} />
      <span className="min-w-0 flex-1 leading-tight">
        <span className="block truncate text-sm font-medium">{me?.user?.name}</span>
        <span className="text-2xs text-ink-2 block truncate">{me?.workspace?.name}</span>
      </span>
      <ChevronsUpDown aria-hidden className="text-ink-2 size-4" />
    </button>
  )
  return <Opens button={button} withSections={false} />
}

/** The last cell of the bar of a phone; opens the same menu. */
export function MoreButton({ className }: { className: string }) {
  const { t } = useTranslation('shell')
  const button = (props: Opening) => (
    <button type="button" {...props} className={className}>
      <MoreHorizontal aria-hidden className="size-5" />
      {t('more')}
    </button>
  )
  return <Opens button={button} withSections />
}

type Opening = Pick<ButtonHTMLAttributes<HTMLButtonElement>, 'onClick' | 'onPointerEnter' | 'onFocus'>

interface OpensProps {
  button: (props: Opening) => ReactElement
  withSections: boolean
}

/* The menu's code comes when somebody reaches for it: it would be a sixth of the first screen. */
function Opens({ button, withSections }: OpensProps) {
  const [wanted, setWanted] = useState(false)
  const still = button({
    onPointerEnter: () => void load(),
    onFocus: () => void load(),
    onClick: () => setWanted(true),
  })
  if (!wanted) return still
  return (
    <Suspense fallback={still}>
      <AccountMenu trigger={button({})} withSections={withSections} defaultOpen />
    </Suspense>
  )
}
