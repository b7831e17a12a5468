import { Field, Select } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { ALL } from './permissions'
import { keyAssistantsQuery } from './queries'

/** Which assistant a key may touch: all, or one. */
export default function AssistantField({
  value,
  onChange,
}: {
  value: string
  onChange: (value: string) => void
}) {
  const { t } = useTranslation('keys')
  const { data } = useQuery(keyAssistantsQuery())
  const options = [
    { value: ALL, label: t('allAssistants') },
    ...(data?.assistants ?? []).map(({ id, draft }) => ({ value: id, label: draft?.name ?? id })),
  ]
  return (
    <Field label={t('form.assistant')} labelAs="span">
      <Select options={options} value={value} onValueChange={onChange} />
    </Field>
  )
}
