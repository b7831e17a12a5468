import { PageHeader } from '@neipix/ui'
import { createFileRoute } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { useTranslation } from 'react-i18next'
import { Balance } from '@app/features/wallet/balance'
import { statementSearch, type StatementSearch } from '@app/features/wallet/filters'
import { statementQuery, walletQuery } from '@app/features/wallet/queries'
import { Statement } from '@app/features/wallet/statement'
import { Page } from '@app/shared/page'
import { Gate } from '@app/shared/gate'

const TransferSheet = lazy(() => import('@app/features/wallet/transfer-sheet'))

export const Route = createFileRoute('/_app/wallet')({
  validateSearch: statementSearch,
  loaderDeps: ({ search: { kind, period, turn } }) => ({ kind, period, turn }),
  // Begun, not awaited: the screen shows its own skeleton.
  loader: ({ context, deps }) => {
    if (!context.me.permissions.includes('billing.read')) return
    void context.queries.prefetchQuery(walletQuery())
    void context.queries.prefetchInfiniteQuery(statementQuery(deps))
  },
  component: WalletScreen,
})

function WalletScreen() {
  const { t } = useTranslation('wallet')
  const search = Route.useSearch()
  const navigate = Route.useNavigate()
  const onSearch = (next: StatementSearch) => void navigate({ search: next, replace: true })
  const { open, ...filters } = search
  return (
    <Page>
      <PageHeader title={t('title')} hint={t('hint')} />
      <Gate permission="billing.read">
        <Balance />
        <h2 className="pt-6 pb-3 text-lg font-semibold tracking-tight">{t('statement')}</h2>
        <Statement search={search} onSearch={onSearch} />
        <Suspense fallback={null}>
          {open ? (
            <TransferSheet
              id={open}
              onClose={() => onSearch(filters)}
              onTurn={(turn) => onSearch({ turn })}
            />
          ) : null}
        </Suspense>
      </Gate>
    </Page>
  )
}
