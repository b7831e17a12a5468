import type { Schemas } from '@neipix/api'
import {
  Badge,
  Button,
  DataTable,
  Empty,
  formatDay,
  Time,
  useLocale,
  useNow,
  type DataTableColumn,
} from '@neipix/ui'
import { useInfiniteQuery } from '@tanstack/react-query'
import { KeyRound } from 'lucide-react'
import { lazy, Suspense, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { isKnown } from './permissions'
import { keysQuery } from './queries'

const RevokeKey = lazy(() => import('./revoke-key'))

type Key = Schemas['ApiKey']

/** The company's keys, also those that have ended. */
export function KeyList({ onCreate }: { onCreate: () => void }) {
  const { t } = useTranslation(['keys', 'common'])
  const keys = useInfiniteQuery(keysQuery())
  const [revoking, setRevoking] = useState<Key | null>(null)
  const columns = useColumns(setRevoking)
  const rows = useMemo(() => keys.data?.pages.flatMap(({ apiKeys }) => apiKeys), [keys.data])
  return (
    <>
      <DataTable
        aria-label={t('title')}
        columns={columns}
        rows={rows}
        rowId={({ id }) => id}
        sortMode="server"
        rowHeight={64}
        empty={
          <Empty
            icon={<KeyRound aria-hidden />}
            title={t('empty')}
            hint={t('emptyHint')}
            action={
              <Button variant="primary" onClick={onCreate}>
                {t('create')}
              </Button>
            }
          />
        }
        error={
          keys.error && !rows ? <Trouble error={keys.error} onRetry={() => void keys.refetch()} /> : undefined
        }
        paging={{
          hasMore: keys.hasNextPage,
          loading: keys.isFetchingNextPage,
          error: keys.isFetchNextPageError ? t('moreFailed') : undefined,
          moreLabel: t('common:more'),
          onMore: () => void keys.fetchNextPage(),
        }}
        className="h-auto max-h-[max(20rem,calc(100dvh-14rem))]"
      />
      <Suspense fallback={null}>
        {revoking ? <RevokeKey apiKey={revoking} onClose={() => setRevoking(null)} /> : null}
      </Suspense>
    </>
  )
}

function useColumns(onRevoke: (key: Key) => void): DataTableColumn<Key>[] {
  const { t } = useTranslation('keys')
  return useMemo(
    () => [
      {
        id: 'name',
        header: t('columns.name'),
        cell: ({ name, prefix }) => (
          <span className="block min-w-0">
            <span className="block truncate font-medium">{name}</span>
            <code className="text-ink-2 text-xs">{prefix}…</code>
          </span>
        ),
      },
      {
        id: 'permissions',
        header: t('columns.permissions'),
        hideBelow: 'md',
        cell: ({ permissions, assistantId }) => (
          <span className="block min-w-0">
            <span className="line-clamp-2 text-sm">
              {permissions.map((one) => (isKnown(one) ? t(`permissions.${one}`) : one)).join(', ')}
            </span>
            <span className="text-ink-2 text-xs">{t(assistantId ? 'oneAssistant' : 'allAssistants')}</span>
          </span>
        ),
      },
      {
        id: 'lastUse',
        header: t('columns.lastUse'),
        width: '11rem',
        hideBelow: 'lg',
        cell: ({ lastUseTime }) =>
          lastUseTime ? <Time value={lastUseTime} /> : <span className="text-ink-2">{t('never')}</span>,
      },
      {
        id: 'state',
        header: t('columns.state'),
        width: '8.5rem',
        hideBelow: 'sm',
        cell: (key) => <State apiKey={key} />,
      },
      {
        id: 'deed',
        header: t('columns.deed'),
        width: '8rem',
        cell: (key) =>
          key.revokeTime ? (
            // Where its own column has no room.
            <span className="sm:hidden">
              <State apiKey={key} />
            </span>
          ) : (
            <Button size="sm" onClick={() => onRevoke(key)}>
              {t('revoke')}
            </Button>
          ),
      },
    ],
    [t, onRevoke],
  )
}

function State({ apiKey: { revokeTime, expireTime } }: { apiKey: Key }) {
  const { t } = useTranslation('keys')
  const locale = useLocale()
  const now = useNow()
  if (revokeTime) return <Badge>{t('states.revoked')}</Badge>
  if (expireTime && new Date(expireTime).getTime() <= now) return <Badge>{t('states.expired')}</Badge>
  return (
    <span className="flex flex-col items-start gap-0.5">
      <Badge tone="ok">{t('states.live')}</Badge>
      {expireTime ? (
        <span className="text-ink-2 text-xs">
          {t('until', { date: formatDay(new Date(expireTime), new Date(now), locale) })}
        </span>
      ) : null}
    </span>
  )
}
