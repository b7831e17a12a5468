import { NoAccess, PageHeader } from '@neipix/ui'
import { useTranslation } from 'react-i18next'

/** For staff whose role opens no section yet. */
export function NothingHere() {
  const { t } = useTranslation('shell')
  return (
    <>
      <PageHeader title={t('panel')} />
      <NoAccess title={t('nothing.title')} hint={t('nothing.hint')} />
    </>
  )
}
