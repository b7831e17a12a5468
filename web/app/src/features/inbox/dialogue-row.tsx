import { Badge, PixelPortrait, Time, cleanText, cn, spokenText, type RowListItemProps } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { Bot, Headset } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useCore } from './core'
import type { Conversation } from './kinds'
import type { ListSearch } from './search'

/** Height of a row. */
export const ROW_PX = 76

export interface DialogueRowProps extends RowListItemProps {
  readonly conversation: Conversation
  readonly search: ListSearch
  readonly open: boolean
  readonly unread: boolean
}

/** One dialogue in the list. */
export function DialogueRow({ conversation, search, open, unread, ...props }: DialogueRowProps) {
  const { t } = useTranslation('inbox')
  const { id, assistantId, contact, updateTime, handler } = conversation
  const waits = handler === 'HANDLER_NOBODY' || conversation.status === 'CONVERSATION_STATUS_PENDING'
  const name = cleanText(contact?.displayName ?? '') || t('guest')
  return (
    <Link
      to="/chats/$id"
      params={{ id }}
      search={search}
      data-slot="dialogue-row"
      aria-current={open ? 'true' : undefined}
      {...props}
      className={cn(
        'border-line hover:bg-sunken flex h-full items-center gap-3 border-b px-4 focus-visible:-outline-offset-2',
        open && 'bg-ai-soft hover:bg-ai-soft',
      )}
    >
      <PixelPortrait
        id={assistantId}
        size={36}
        tone={waits || handler === 'HANDLER_OPERATOR' ? 'human' : 'ai'}
      />
      <span className="flex min-w-0 flex-1 flex-col gap-0.5">
        <span className="flex items-baseline justify-between gap-2">
          <span className={cn('truncate', unread ? 'font-semibold' : 'font-medium')}>{name}</span>
          {updateTime && <Time value={updateTime} className="text-ink-2 text-2xs shrink-0" />}
        </span>
        <span className="flex items-center gap-1.5">
          <Preview conversation={conversation} unread={unread} />
          <Marks conversation={conversation} waits={waits} unread={unread} />
        </span>
      </span>
    </Link>
  )
}

function Preview({ conversation, unread }: Pick<DialogueRowProps, 'conversation' | 'unread'>) {
  const { t } = useTranslation('inbox')
  const { me } = useCore()
  const last = conversation.lastMessage
  const who =
    last?.author === 'AUTHOR_OPERATOR'
      ? t(last.authorMemberId === me ? 'row.you' : 'row.operator')
      : last?.author === 'AUTHOR_ASSISTANT'
        ? t('row.assistant')
        : last?.author === 'AUTHOR_SYSTEM'
          ? t('row.system')
          : ''
  return (
    <span className={cn('min-w-0 flex-1 truncate text-sm', unread ? 'text-ink' : 'text-ink-2')}>
      {last ? who + preview(last) : t('row.noMessages')}
    </span>
  )
}

/** The beginning on one line. Assistants write Markdown; what people write is shown to the letter. */
function preview({ author, text }: NonNullable<Conversation['lastMessage']>): string {
  if (author === 'AUTHOR_ASSISTANT') return spokenText(text)
  return cleanText(text.slice(0, 200)).replace(/\s+/g, ' ')
}

function Marks({
  conversation,
  waits,
  unread,
}: Pick<DialogueRowProps, 'conversation' | 'unread'> & { readonly waits: boolean }) {
  const { t } = useTranslation('inbox')
  if (conversation.status === 'CONVERSATION_STATUS_CLOSED') return <Badge>{t('row.closed')}</Badge>
  return (
    <>
      {waits ? (
        <Badge tone="human">{t('row.waits')}</Badge>
      ) : conversation.handler === 'HANDLER_OPERATOR' ? (
        <Headset role="img" aria-label={t('row.byOperator')} className="text-human size-4 shrink-0" />
      ) : (
        <Bot role="img" aria-label={t('row.byAssistant')} className="text-ai size-4 shrink-0" />
      )}
      {unread && (
        <span role="img" aria-label={t('row.unread')} className="bg-human size-2 shrink-0 rounded-full" />
      )}
    </>
  )
}
