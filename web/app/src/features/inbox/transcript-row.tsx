import {
  DayLine,
  HandOverLine,
  SystemLine,
  Typing,
  formatClock,
  formatDay,
  useLocale,
  useNow,
} from '@neipix/ui'
import type { Outgoing } from '@neipix/api'
import { CircleSlash } from 'lucide-react'
import { memo } from 'react'
import { useTranslation } from 'react-i18next'
import { reasonOf } from '@app/widgets/explanation/kinds'
import { AnswerBubble, MessageBubble, OutgoingBubble } from './bubbles'
import type { Conversation, Message, Turn } from './kinds'
import type { TranscriptItem } from './transcript-items'

/** What can be done with a line. Keep it stable. */
export interface RowDeeds {
  readonly me: string
  readonly onWhy: (why: string) => void
  readonly onFile: (file: string) => void
  readonly onResend: ((message: Message) => void) | undefined
  readonly onAgain: (item: Outgoing) => void
  readonly onDiscard: (item: Outgoing) => void
  readonly onTakeAndSend: (item: Outgoing) => void
}

export interface RowProps<Item = TranscriptItem> {
  readonly item: Item
  readonly conversation: Conversation
  readonly deeds: RowDeeds
}

/** One line of a dialogue. A line that has not changed is not drawn again with each word of an answer. */
export const TranscriptRow = memo(function TranscriptRow({ item, ...rest }: RowProps) {
  switch (item.kind) {
    case 'day':
      return <Day at={item.at} />
    case 'message':
      return item.message.author === 'AUTHOR_SYSTEM' ? (
        <Automatic item={item} {...rest} />
      ) : (
        <MessageBubble item={item} {...rest} />
      )
    case 'outgoing':
      return <OutgoingBubble item={item} {...rest} />
    case 'answer':
      return <AnswerBubble item={item} {...rest} />
    case 'silence':
      return <Silence turn={item.turn} deeds={rest.deeds} />
    case 'hand-over':
      return <HandOver to={item.to} me={rest.deeds.me} />
    case 'busy':
      return <Busy who={item.who} />
  }
})

export type ItemOf<Kind extends TranscriptItem['kind']> = Extract<TranscriptItem, { kind: Kind }>

const DAY_MS = 24 * 60 * 60 * 1000

function Day({ at }: { readonly at: string }) {
  const { t } = useTranslation('inbox')
  const locale = useLocale()
  const now = new Date(useNow())
  const date = new Date(at)
  const isDay = (other: Date) => other.toDateString() === date.toDateString()
  const label = isDay(now)
    ? t('transcript.today')
    : isDay(new Date(now.getTime() - DAY_MS))
      ? t('transcript.yesterday')
      : formatDay(date, now, locale)
  return <DayLine label={label} dateTime={at.slice(0, 10)} />
}

/** A moment as the kit's bubbles want it. */
export function useClock(): (time: string | undefined) => { label: string; dateTime: string } {
  const locale = useLocale()
  return (time) => ({ label: time ? formatClock(new Date(time), locale) : '', dateTime: time ?? '' })
}

function Automatic({ item, deeds }: RowProps<ItemOf<'message'>>) {
  const { t } = useTranslation(['inbox', 'explanation'])
  const clock = useClock()
  const { text, createTime, turnId } = item.message
  return (
    <SystemLine author={t('system')} time={clock(createTime)}>
      <p className="break-words whitespace-pre-wrap">{text}</p>
      {turnId !== '' && (
        <WhyButton label={t('explanation:why.answer')} onPress={() => deeds.onWhy(`turn:${turnId}`)} />
      )}
    </SystemLine>
  )
}

/** The way to the explanation, under an answer or a silence. */
export function WhyButton({ label, onPress }: { readonly label: string; readonly onPress: () => void }) {
  return (
    <button
      type="button"
      data-slot="why"
      onClick={onPress}
      className="text-ink-2 hover:text-ink mt-1 block min-h-6 text-xs underline underline-offset-2 pointer-coarse:min-h-11"
    >
      {label}
    </button>
  )
}

function Silence({ turn, deeds }: { readonly turn: Turn; readonly deeds: RowDeeds }) {
  const { t, i18n } = useTranslation(['inbox', 'explanation'])
  const reason = reasonOf(turn.reason)
  const own = i18n.language === 'en' ? turn.reasonEn : turn.reasonRu
  return (
    <div
      data-slot="silence"
      className="text-ink-2 flex flex-wrap items-center justify-center gap-x-2 py-2 text-sm"
    >
      <CircleSlash aria-hidden className="size-4 shrink-0" />
      <span>{reason ? t(`explanation:reasons.${reason}.title`) : own}</span>
      <button
        type="button"
        onClick={() => deeds.onWhy(`turn:${turn.id}`)}
        className="text-ai min-h-6 underline underline-offset-2 pointer-coarse:min-h-11"
      >
        {t('explanation:why.silence')}
      </button>
    </div>
  )
}

function HandOver({ to, me }: { readonly to: ItemOf<'hand-over'>['to']; readonly me: string }) {
  const { t } = useTranslation('inbox')
  const key = to.is === 'operator' && to.member === me ? 'you' : to.is
  return <HandOverLine to={to.is === 'assistant' ? 'ai' : 'human'} label={t(`transcript.handOver.${key}`)} />
}

function Busy({ who }: { readonly who: ItemOf<'busy'>['who'] }) {
  const { t } = useTranslation('inbox')
  return (
    <Typing
      label={t(`transcript.typing.${who}`)}
      tone={who === 'assistant' ? 'ai' : 'human'}
      showLabel
      className="py-3"
    />
  )
}
