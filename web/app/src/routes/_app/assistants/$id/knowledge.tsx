import { PageHeader } from '@neipix/ui'
import { createFileRoute } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'

export const Route = createFileRoute('/_app/assistants/$id/knowledge')({ component: Screen })

function Screen() {
  const { t } = useTranslation('assistants')
  return <PageHeader title={t('title')} />
}
