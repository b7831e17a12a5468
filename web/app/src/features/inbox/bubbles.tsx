import {
  Bubble,
  Button,
  LazyMarkdown,
  PlainText,
  SourceList,
  useCitationMarks,
  type BubbleAuthor,
  type Citation,
  type CitationLabels,
  type DeliveryStateProps,
} from '@neipix/ui'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useAssistantName } from './assistants'
import { useInboxState } from './core'
import type { Conversation, Message } from './kinds'
import { WhyButton, useClock, type ItemOf, type RowDeeds, type RowProps } from './transcript-row'

/** Who wrote, in the words of the inbox. */
function useAuthors(conversation: Conversation, me: string) {
  const { t } = useTranslation('inbox')
  const assistant = useAssistantName(conversation.assistantId)
  return {
    contact: (): BubbleAuthor => ({
      kind: 'contact',
      id: conversation.contact?.id ?? '',
      name: conversation.contact?.displayName || t('guest'),
      kindLabel: t('client'),
    }),
    assistant: (): BubbleAuthor => ({
      kind: 'assistant',
      id: conversation.assistantId,
      name: assistant || t('assistant'),
      kindLabel: t('ai'),
    }),
    operator: (member: string): BubbleAuthor => ({
      kind: 'operator',
      id: member,
      name: member === me ? t('you') : t('operator'),
      kindLabel: t('operator'),
    }),
  }
}

/** A stored message of a customer, the assistant or an operator. */
export function MessageBubble({ item, conversation, deeds }: RowProps<ItemOf<'message'>>) {
  const { message, position } = item
  const { t } = useTranslation(['inbox', 'explanation'])
  const authors = useAuthors(conversation, deeds.me)
  const clock = useClock()
  const delivery = useDelivery(message, deeds)
  const { author, turnId } = message
  const closes = position === 'single' || position === 'last'
  if (author === 'AUTHOR_ASSISTANT')
    return (
      <Bubble
        own
        author={authors.assistant()}
        time={clock(message.createTime)}
        position={position}
        delivery={delivery}
        interrupted={message.interrupted ? t('transcript.interrupted') : undefined}
      >
        <Answer message={message} deeds={deeds} />
      </Bubble>
    )
  const own = author === 'AUTHOR_OPERATOR'
  return (
    <Bubble
      own={own}
      author={own ? authors.operator(message.authorMemberId) : authors.contact()}
      time={clock(message.createTime)}
      position={position}
      delivery={delivery}
      extra={
        // A person was to answer: there is no turn, but still a reason.
        !own && turnId === '' && closes ? (
          <WhyButton
            label={t('explanation:why.silence')}
            onPress={() => deeds.onWhy(`message:${message.id}`)}
          />
        ) : undefined
      }
    >
      <PlainText text={message.text} />
    </Bubble>
  )
}

function Answer({ message, deeds }: { readonly message: Message; readonly deeds: RowDeeds }) {
  const { t } = useTranslation(['inbox', 'explanation'])
  const { citations: sources, text, turnId } = message
  const { onFile, onWhy } = deeds
  const citations = useMemo(
    () =>
      sources.map(({ n, title, page, quote }): Citation => ({
        number: n,
        fileName: title,
        page: page > 0 ? page : undefined,
        quote,
      })),
    [sources],
  )
  const labels = useMemo(
    (): CitationLabels => ({
      mark: ({ number, fileName: file, page }) =>
        page === undefined
          ? t('citations.mark', { number, file })
          : t('citations.markPage', { number, file, page }),
      page: (page) => t('citations.page', { page }),
      sources: t('citations.sources'),
      open: t('citations.open'),
    }),
    [t],
  )
  const onOpen = useMemo(
    () => (citation: Citation) => {
      const source = sources.find(({ n }) => n === citation.number)
      if (source) onFile(source.fileId)
    },
    [sources, onFile],
  )
  const marks = useCitationMarks({ citations, labels, onOpen })
  return (
    <>
      <LazyMarkdown text={text} renderMark={marks} />
      <SourceList citations={citations} labels={labels} onOpen={onOpen} />
      {turnId !== '' && (
        <WhyButton label={t('explanation:why.answer')} onPress={() => onWhy(`turn:${turnId}`)} />
      )}
    </>
  )
}

/** An answer that is being written. */
export function AnswerBubble({ item, conversation, deeds }: RowProps<ItemOf<'answer'>>) {
  const authors = useAuthors(conversation, deeds.me)
  const clock = useClock()
  return (
    <Bubble own streaming author={authors.assistant()} time={clock(undefined)} position={item.position}>
      <LazyMarkdown text={item.text} streaming />
    </Bubble>
  )
}

const ERRORS = ['outcome_unknown', 'blocked'] as const
const STATES = {
  DELIVERY_STATE_QUEUED: 'queued',
  DELIVERY_STATE_SENDING: 'sending',
  DELIVERY_STATE_SENT: 'sent',
  DELIVERY_STATE_CANCELLED: 'cancelled',
} as const

function useDelivery(message: Message, { onResend }: RowDeeds): DeliveryStateProps | undefined {
  const { t } = useTranslation('inbox')
  const labels = useDeliveryLabels()
  const { deliveryState: state, deliveryError: error, author } = message
  if (author === 'AUTHOR_CONTACT' || state === 'DELIVERY_STATE_UNSPECIFIED') return undefined
  if (state !== 'DELIVERY_STATE_FAILED') return { delivery: { state: STATES[state] }, labels }
  const known = ERRORS.find((one) => one === error)
  const reason = known ? t(`delivery.errors.${known}`) : t('delivery.errors.other', { error })
  return { delivery: { state: 'failed', reason }, labels, onResend: onResend && (() => onResend(message)) }
}

function useDeliveryLabels() {
  const { t } = useTranslation('inbox')
  return {
    queued: t('delivery.queued'),
    sending: t('delivery.sending'),
    sent: t('delivery.sent'),
    failed: t('delivery.failed'),
    cancelled: t('delivery.cancelled'),
    resend: t('delivery.resend'),
  }
}

const REASONS = [
  'NOT_HANDLER',
  'CONVERSATION_CLOSED',
  'PERMISSION_DENIED',
  'NOT_FOUND',
  'TOO_OLD',
  'FIELD_INVALID',
] as const

/** An own message on its way, or one that the server refused: it says why, and what can be done. */
export function OutgoingBubble({ item, conversation, deeds }: RowProps<ItemOf<'outgoing'>>) {
  const { t } = useTranslation('inbox')
  const authors = useAuthors(conversation, deeds.me)
  const clock = useClock()
  const labels = useDeliveryLabels()
  // Behind a refused one the next of the same dialogue wait: they can be given up too.
  const stuck = useInboxState(({ outgoing }) =>
    outgoing.some((one) => one.conversation === item.outgoing.conversation && one.state === 'failed'),
  )
  const { outgoing, position } = item
  const { state, reason = '' } = outgoing
  const known = REASONS.find((one) => one === reason)
  const why = known ? t(`outgoing.reasons.${known}`) : t('outgoing.reasons.other', { reason })
  return (
    <Bubble
      own
      author={authors.operator(deeds.me)}
      time={clock(new Date(outgoing.at).toISOString())}
      position={position}
      delivery={{
        delivery: state === 'failed' ? { state, reason: why } : { state },
        labels: { ...labels, failed: t('outgoing.failed') },
      }}
      extra={
        state === 'failed' || (stuck && state === 'queued') ? (
          <Ways outgoing={outgoing} failed={state === 'failed'} deeds={deeds} />
        ) : undefined
      }
    >
      <PlainText text={outgoing.text} />
    </Bubble>
  )
}

function Ways({
  outgoing,
  failed,
  deeds,
}: {
  readonly outgoing: ItemOf<'outgoing'>['outgoing']
  readonly failed: boolean
  readonly deeds: RowDeeds
}) {
  const { t } = useTranslation('inbox')
  const { reason } = outgoing
  return (
    <div className="flex flex-wrap gap-2 pt-2">
      {failed && reason === 'NOT_HANDLER' && (
        <Button size="sm" variant="human" onClick={() => deeds.onTakeAndSend(outgoing)}>
          {t('outgoing.takeAndSend')}
        </Button>
      )}
      {failed && reason !== 'NOT_HANDLER' && (
        <Button size="sm" onClick={() => deeds.onAgain(outgoing)}>
          {t('outgoing.again')}
        </Button>
      )}
      <Button size="sm" variant="ghost" onClick={() => deeds.onDiscard(outgoing)}>
        {t('outgoing.discard')}
      </Button>
    </div>
  )
}
