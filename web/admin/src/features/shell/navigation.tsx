import { useMe } from '@neipix/shell'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { sectionsFor } from './sections'

/** The sections that the person's role may see. */
export function Navigation() {
  const { t } = useTranslation('shell')
  const sections = sectionsFor(useMe()?.permissions ?? [])
  return (
    <nav aria-label={t('navigation')} className="flex flex-col gap-0.5">
      {sections.map(({ to, name, icon: Icon }) => (
        <Link
          key={to}
          to={to}
          className="text-ink-2 hover:bg-surface hover:text-ink aria-[current=page]:bg-surface aria-[current=page]:text-ink flex min-h-8 items-center gap-2.5 rounded-md px-2 text-sm transition-colors aria-[current=page]:font-medium pointer-coarse:min-h-11"
        >
          <Icon aria-hidden className="size-4 shrink-0" />
          {t(name)}
        </Link>
      ))}
    </nav>
  )
}
