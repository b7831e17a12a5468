import { Select } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { KINDS, type Kind } from './filters'

export interface KindSelectProps {
  /** All kinds without one. */
  kind: Kind | undefined
  onChange: (kind: Kind | undefined) => void
}

/** Which kind of operation the statement shows. */
export default function KindSelect({ kind, onChange }: KindSelectProps) {
  const { t } = useTranslation('wallet')
  const options = [
    { value: 'any' as const, label: t('filters.anyKind') },
    ...(Object.keys(KINDS) as Kind[]).map((value) => ({ value, label: t(`kinds.${value}`) })),
  ]
  return (
    <Select<Kind | 'any'>
      aria-label={t('filters.kind')}
      options={options}
      value={kind ?? 'any'}
      onValueChange={(value) => onChange(value === 'any' ? undefined : value)}
      className="w-64 max-sm:w-full"
    />
  )
}
