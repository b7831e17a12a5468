import { buttonVariants, NoAccess } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from './session'

/** A part of a screen for those who have this permission; the others read who can give it. */
export function Gate({ permission, children }: { permission: string; children: ReactNode }) {
  const { t } = useTranslation('common')
  if (useMay(permission)) return children
  const home = (
    <Link to="/" className={buttonVariants({})}>
      {t('home')}
    </Link>
  )
  return <NoAccess title={t('noAccess.title')} hint={t('noAccess.hint')} action={home} />
}
