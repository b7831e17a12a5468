import { Empty, Skeleton } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { {{camelCase name}}Query } from './queries'

/** A list with all that a list may be: loading, empty, failed, refused. */
export function {{pascalCase name}}List() {
  const { t } = useTranslation('{{camelCase name}}')
  const { data, error, refetch } = useQuery({{camelCase name}}Query())
  if (!data) return error ? <Trouble error={error} onRetry={() => void refetch()} /> : <Skeleton className="h-40" />
  if (data.assistants.length === 0) return <Empty title={t('empty')} hint={t('emptyHint')} />
  return (
    <ul>
      {data.assistants.map(({ id, draft }) => (
        <li key={id}>{draft?.name}</li>
      ))}
    </ul>
  )
}
