import { Button, PageHeader } from '@neipix/ui'
import { createFileRoute } from '@tanstack/react-router'
import { Plus } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { KeyList } from '@app/features/keys/key-list'
import { keysQuery } from '@app/features/keys/queries'
import { Gate } from '@app/shared/gate'
import { Page } from '@app/shared/page'
import { useMay } from '@app/shared/session'

const CreateKey = lazy(() => import('@app/features/keys/create-key'))

export const Route = createFileRoute('/_app/keys')({
  loader: ({ context }) => {
    if (context.me.permissions.includes('api_keys.manage'))
      void context.queries.prefetchInfiniteQuery(keysQuery())
  },
  component: KeysScreen,
})

function KeysScreen() {
  const { t } = useTranslation('keys')
  const [creating, setCreating] = useState(false)
  const may = useMay('api_keys.manage')
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      <Plus aria-hidden />
      {t('create')}
    </Button>
  )
  return (
    <Page>
      <PageHeader title={t('title')} hint={t('hint')} actions={may ? create : null} />
      <Gate permission="api_keys.manage">
        <KeyList onCreate={() => setCreating(true)} />
        <Suspense fallback={null}>
          {creating ? <CreateKey onClose={() => setCreating(false)} /> : null}
        </Suspense>
      </Gate>
    </Page>
  )
}
