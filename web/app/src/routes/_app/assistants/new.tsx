import { NoAccess, PageHeader } from '@neipix/ui'
import { createFileRoute, Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { CreateForm } from '@app/features/assistants/create-form'
import { Page } from '@app/shared/page'
import { useMay } from '@app/shared/session'

export const Route = createFileRoute('/_app/assistants/new')({ component: Screen })

function Screen() {
  const { t } = useTranslation('assistants')
  const mayCreate = useMay('assistants.write')
  const breadcrumbs = {
    'aria-label': t('crumbs'),
    crumbs: [{ label: t('title'), link: <Link to="/assistants" /> }],
  }
  return (
    <Page>
      <PageHeader title={t('new.title')} hint={t('new.hint')} breadcrumbs={breadcrumbs} />
      {mayCreate ? (
        <CreateForm />
      ) : (
        <NoAccess title={t('noAccess.title', { ns: 'common' })} hint={t('list.emptyRead')} />
      )}
    </Page>
  )
}
