import { Select } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { useAssistants } from './assistants'
import type { ListSearch } from './search'

export interface ListChoicesProps {
  readonly search: ListSearch
  readonly onChange: (change: ListSearch) => void
}

/** Who answers, and which assistant's dialogues the list shows. */
export default function ListChoices({ search, onChange }: ListChoicesProps) {
  const { t } = useTranslation('inbox')
  const assistants = useAssistants()
  return (
    <>
      <Select
        aria-label={t('filters.handler')}
        value={search.handler ?? 'any'}
        onValueChange={(handler) => onChange({ handler: handler === 'any' ? undefined : handler })}
        options={[
          { value: 'any', label: t('filters.anyHandler') },
          { value: 'assistant', label: t('filters.assistant') },
          { value: 'operator', label: t('filters.operator') },
          { value: 'nobody', label: t('filters.nobody') },
        ]}
      />
      <Select
        aria-label={t('filters.who')}
        value={search.assistant ?? 'any'}
        onValueChange={(id) => onChange({ assistant: id === 'any' ? undefined : id })}
        options={[
          { value: 'any', label: t('filters.anyAssistant') },
          ...assistants.map(({ id, name }) => ({ value: id, label: name || t('assistant') })),
        ]}
      />
    </>
  )
}
