import { Button, Field, Input } from '@neipix/ui'
import { useState, type SubmitEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { isUuid, type AuditSearch } from './search'

export interface AuditFiltersProps {
  search: AuditSearch
  onSearch: (search: AuditSearch) => void
}

/** Whose chain, and which actions; asked for by Enter. */
export function AuditFilters({ search, onSearch }: AuditFiltersProps) {
  // New fields with a new address: what was typed and not asked for is forgotten then.
  return <Fields key={JSON.stringify(search)} search={search} onSearch={onSearch} />
}

function Fields({ search, onSearch }: AuditFiltersProps) {
  const { t } = useTranslation('audit')
  const [workspace, setWorkspace] = useState(search.workspace ?? '')
  const [action, setAction] = useState(search.action ?? '')
  const [wrong, setWrong] = useState(false)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const id = workspace.trim()
    if (id !== '' && !isUuid(id)) return setWrong(true)
    onSearch({ ...(id ? { workspace: id } : {}), ...(action.trim() ? { action: action.trim() } : {}) })
  }
  return (
    <form role="search" noValidate onSubmit={submit} className="flex flex-wrap items-start gap-3 pb-3">
      <Field label={t('company')} error={wrong ? t('companyWrong') : undefined} className="w-full sm:w-80">
        <Input
          placeholder={t('companyAny')}
          value={workspace}
          maxLength={36}
          onChange={(event) => {
            setWrong(false)
            setWorkspace(event.currentTarget.value)
          }}
        />
      </Field>
      <Field label={t('action')} className="w-full sm:w-64">
        <Input
          placeholder={t('actionAny')}
          value={action}
          maxLength={100}
          onChange={(event) => setAction(event.currentTarget.value)}
        />
      </Field>
      <Button type="submit" className="sm:mt-6.5">
        {t('find')}
      </Button>
    </form>
  )
}
