import { PageHeader } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { AuditFilters } from './audit-filters'
import { AuditTable } from './audit-table'
import { useAudit } from './queries'
import { RecordSheet } from './record-sheet'
import type { AuditSearch } from './search'

export interface AuditScreenProps {
  search: AuditSearch
  onSearch: (search: AuditSearch, how: { replace: boolean }) => void
}

/** What was done, by whom: the platform's chain or one company's. */
export function AuditScreen({ search, onSearch }: AuditScreenProps) {
  const { t } = useTranslation('audit')
  const audit = useAudit(search)
  const { record, ...filter } = search
  const open = audit.data?.pages.flatMap((page) => page.records).find(({ id }) => id === record)
  return (
    <>
      <PageHeader
        title={t('title')}
        hint={search.workspace ? t('ofCompany') : t('ofPlatform')}
        className="pb-3"
      />
      <AuditFilters search={filter} onSearch={(next) => onSearch(next, { replace: true })} />
      <div className="min-h-0 flex-1">
        <AuditTable
          audit={audit}
          narrowed={search.action !== undefined}
          openId={record}
          onOpen={({ id }) => onSearch({ ...filter, record: id }, { replace: false })}
          onReset={() => onSearch(search.workspace ? { workspace: search.workspace } : {}, { replace: true })}
        />
      </div>
      <RecordSheet record={open} onClose={() => onSearch(filter, { replace: true })} />
    </>
  )
}
