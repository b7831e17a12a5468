import { buttonVariants, Empty, PixelPortrait } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { ListCard, rowLink } from './list-card'
import { onShiftQuery } from './queries'

/** Assistants that answer customers now. */
export function ShiftCard() {
  const { t } = useTranslation('overview')
  const { data, error, refetch } = useQuery(onShiftQuery())
  const mayCreate = useMay('assistants.write')
  const all = (
    <Link to="/assistants" className={buttonVariants({ variant: 'link', size: 'sm' })}>
      {t('all')}
    </Link>
  )
  const create = mayCreate ? (
    <Link to="/assistants/new" className={buttonVariants({})}>
      {t('create')}
    </Link>
  ) : null
  return (
    <ListCard
      title={t('shift.title')}
      all={all}
      rows={data?.assistants}
      rowId={({ id }) => id}
      row={({ id, draft, publishedVersion, unpublishedChanges }) => (
        <Link to="/assistants/$id" params={{ id }} className={rowLink}>
          <PixelPortrait id={id} size={36} />
          <span className="min-w-0 flex-1">
            <span className="block truncate text-sm font-medium">{draft?.name}</span>
            <span className="text-ink-2 block truncate text-xs">
              {unpublishedChanges ? t('shift.changes') : t('shift.version', { number: publishedVersion })}
            </span>
          </span>
        </Link>
      )}
      empty={
        <Empty
          icon={<PixelPortrait id="nobody-yet" size={56} />}
          title={t('shift.none')}
          hint={t('shift.noneHint')}
          action={create}
        />
      }
      error={error}
      onRetry={() => void refetch()}
      className="self-start"
    />
  )
}
