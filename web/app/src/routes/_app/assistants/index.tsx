import { PageHeader } from '@neipix/ui'
import { createFileRoute } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { AssistantList, CreateLink } from '@app/features/assistants/assistant-list'
import { ListFilters } from '@app/features/assistants/list-filters'
import { assistantPages, FILTERS, type AssistantsFilter } from '@app/features/assistants/queries'
import { Page } from '@app/shared/page'
import { useMay } from '@app/shared/session'

export const Route = createFileRoute('/_app/assistants/')({
  validateSearch: (input: Record<string, unknown>): AssistantsFilter => {
    const q = typeof input['q'] === 'string' ? input['q'].slice(0, 200) : undefined
    const status = FILTERS.find((known) => known === input['status'])
    // Said in full: what is left out stays as the address has it.
    return { q: q || undefined, status }
  },
  loaderDeps: ({ search }) => search,
  loader: ({ context, deps }) => {
    // The list shows itself what fails.
    void context.queries.prefetchInfiniteQuery(assistantPages(deps))
  },
  component: Screen,
})

function Screen() {
  const { t } = useTranslation('assistants')
  const filter = Route.useSearch()
  const navigate = Route.useNavigate()
  const mayCreate = useMay('assistants.write')
  return (
    <Page>
      <PageHeader title={t('title')} hint={t('hint')} actions={mayCreate ? <CreateLink /> : undefined} />
      <ListFilters filter={filter} onChange={(search) => void navigate({ search, replace: true })} />
      <AssistantList filter={filter} onReset={() => void navigate({ search: {}, replace: true })} />
    </Page>
  )
}
