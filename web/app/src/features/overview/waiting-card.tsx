import type { Schemas } from '@neipix/api'
import { buttonVariants, cleanText, Empty, PixelPortrait, Time } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { Coffee } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { waitingQuery } from '@app/shared/waiting'
import { ListCard, rowLink } from './list-card'

/** How many of those who wait are named here. */
const SHOWN = 5

/** Customers who wait for a person. */
export function WaitingCard() {
  const { t } = useTranslation('overview')
  const { data, error, refetch } = useQuery(waitingQuery())
  const all = (
    <Link to="/chats" className={buttonVariants({ variant: 'link', size: 'sm' })}>
      {t('all')}
    </Link>
  )
  return (
    <ListCard
      title={t('waiting.title')}
      all={all}
      rows={data?.conversations.slice(0, SHOWN)}
      rowId={({ id }) => id}
      row={(conversation) => <Waiting conversation={conversation} />}
      empty={
        <Empty
          icon={<Coffee aria-hidden />}
          title={t('waiting.none')}
          hint={t('waiting.noneHint')}
          className="min-h-44"
        />
      }
      error={error}
      onRetry={() => void refetch()}
    />
  )
}

function Waiting({ conversation }: { conversation: Schemas['Conversation'] }) {
  const { t } = useTranslation('overview')
  const { id, contact, lastMessage, updateTime } = conversation
  return (
    <Link to="/chats/$id" params={{ id }} className={rowLink}>
      <PixelPortrait id={contact?.id ?? id} tone="human" size={36} />
      <span className="min-w-0 flex-1">
        <span className="block truncate text-sm font-medium">{contact?.displayName || t('someone')}</span>
        <span className="text-ink-2 block truncate text-sm">{cleanText(lastMessage?.text ?? '')}</span>
      </span>
      {updateTime ? <Time value={updateTime} className="text-ink-2 text-xs" /> : null}
    </Link>
  )
}
