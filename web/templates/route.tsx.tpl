import { PageHeader } from '@neipix/ui'
import { createFileRoute } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { {{pascalCase name}}List } from '@app/features/{{name}}/{{name}}-list'
import { {{camelCase name}}Query } from '@app/features/{{name}}/queries'
import { Page } from '@app/shared/page'

export const Route = createFileRoute('/_app/{{name}}')({
  // Begun, not awaited: the screen shows its own skeleton.
  loader: ({ context }) => void context.queries.prefetchQuery({{camelCase name}}Query()),
  component: Screen,
})

function Screen() {
  const { t } = useTranslation('{{camelCase name}}')
  return (
    <Page>
      <PageHeader title={t('title')} />
      <{{pascalCase name}}List />
    </Page>
  )
}
