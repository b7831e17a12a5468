import type { Schemas } from '@neipix/api'
import { Empty, PixelPortrait, Time } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { History } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useMe } from '@app/shared/session'
import { ListCard } from './list-card'
import { eventsQuery } from './queries'
import type { ru } from './texts.ru'

type Action = keyof typeof ru.events.actions

/** What was done in the company last, by the audit. */
export function EventsCard() {
  const { t } = useTranslation('overview')
  const { data, error, refetch } = useQuery(eventsQuery())
  return (
    <ListCard
      title={t('events.title')}
      rows={data?.records}
      rowId={({ id }) => id}
      row={(record) => <EventRow record={record} />}
      empty={
        <Empty
          icon={<History aria-hidden />}
          title={t('events.none')}
          hint={t('events.noneHint')}
          className="min-h-44"
        />
      }
      error={error}
      onRetry={() => void refetch()}
    />
  )
}

function EventRow({ record }: { record: Schemas['AuditRecord'] }) {
  const { t, i18n } = useTranslation('overview')
  const me = useMe()
  const [kind, id = ''] = record.actor.split(':')
  const who =
    id === me?.user?.id
      ? t('events.you')
      : kind === 'user'
        ? t('events.member')
        : kind === 'key'
          ? t('events.key')
          : t('events.system')
  // The action is the name of a call; one that is newer than this page is told in general words.
  const name = record.action.split(/[./]/).at(-1) ?? ''
  const action: Action = i18n.exists(`events.actions.${name}`, { ns: 'overview' })
    ? (name as Action)
    : 'other'
  return (
    <div className="flex min-h-12 items-center gap-3 py-1.5">
      <PixelPortrait id={id || 'neipix'} tone={kind === 'user' ? 'human' : 'ai'} size={28} />
      <span className="min-w-0 flex-1 text-sm">
        <span className="block truncate">{t(`events.actions.${action}`)}</span>
        <span className="text-ink-2 block truncate text-xs">{who}</span>
      </span>
      {record.time ? <Time value={record.time} className="text-ink-2 text-xs" /> : null}
    </div>
  )
}
