import {
  Bubble,
  Button,
  formatClock,
  LazyMarkdown,
  Money,
  SourceList,
  SystemLine,
  Typing,
  useCitationMarks,
  useLocale,
  type Citation,
  type CitationLabels,
} from '@neipix/ui'
import { CircleQuestionMark, RotateCw } from 'lucide-react'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useReasonText } from './problem'
import { tokensOf, type ShownTurn } from './shown-turns'

/** Who answers. */
export interface Answerer {
  id: string
  name: string
}

export interface AnswerProps {
  turn: ShownTurn
  answerer: Answerer
  onWhy: (turn: ShownTurn) => void
  onOpenFile: (fileId: string) => void
  /** Asks the same question once more; `undefined` where nothing can be asked now. */
  onAgain: ((turn: ShownTurn) => void) | undefined
}

/** What came of a question: the answer as it is written, or why there is none. */
export function AnswerView(props: AnswerProps) {
  const { turn, answerer } = props
  const { t } = useTranslation('testing')
  const time = useShownTime(turn.askedAt)
  const author = { kind: 'assistant', id: answerer.id, name: answerer.name, kindLabel: t('ai') } as const
  const streaming = turn.state === 'running'
  const speaks = turn.answer !== '' || streaming
  if (turn.ended?.fixedReply) {
    return (
      <>
        <SystemLine author={t('system')} time={time}>
          <p className="text-xs">{t('fixed')}</p>
          <p className="text-ink whitespace-pre-wrap">{turn.answer}</p>
        </SystemLine>
        <Foot {...props} />
      </>
    )
  }
  return (
    <>
      {speaks ? (
        <Bubble
          author={author}
          time={time}
          streaming={streaming}
          interrupted={interruption(turn, t)}
          extra={<Sources {...props} />}
        >
          {turn.answer === '' ? (
            <Typing label={t('answering')} />
          ) : (
            <Words {...props} streaming={streaming} />
          )}
        </Bubble>
      ) : null}
      <Foot {...props} />
    </>
  )
}

function interruption(turn: ShownTurn, t: (key: 'interrupted' | 'stopped') => string): string | undefined {
  if (turn.state === 'stopped') return t('stopped')
  return turn.state === 'failed' || turn.state === 'broken' ? t('interrupted') : undefined
}

/** A time as bubbles take it. */
export function useShownTime(value: string) {
  const locale = useLocale()
  const date = new Date(value)
  return Number.isNaN(date.getTime())
    ? { label: '', dateTime: '' }
    : { label: formatClock(date, locale), dateTime: date.toISOString() }
}

function useSources({ turn, onOpenFile }: AnswerProps) {
  const { t } = useTranslation('testing')
  const citations = useMemo(
    () =>
      turn.citations.map((source): Citation => ({
        number: source.n,
        fileName: source.title,
        page: source.page > 0 ? source.page : undefined,
        quote: source.quote,
      })),
    [turn.citations],
  )
  const labels = useMemo(
    (): CitationLabels => ({
      mark: ({ number, fileName: file, page }) =>
        page === undefined ? t('source', { number, file }) : t('sourcePage', { number, file, page }),
      page: (page) => t('page', { page }),
      sources: t('sources'),
      open: t('openFile'),
    }),
    [t],
  )
  const onOpen = useMemo(
    () => (citation: Citation) => {
      const source = turn.citations.find(({ n }) => n === citation.number)
      if (source) onOpenFile(source.fileId)
    },
    [turn.citations, onOpenFile],
  )
  return { citations, labels, onOpen }
}

function Words(props: AnswerProps & { streaming: boolean }) {
  const renderMark = useCitationMarks(useSources(props))
  return <LazyMarkdown text={props.turn.answer} streaming={props.streaming} renderMark={renderMark} />
}

function Sources(props: AnswerProps) {
  const sources = useSources(props)
  return sources.citations.length > 0 ? <SourceList {...sources} /> : null
}

/** What the answer took, and what can be done about it. */
function Foot({ turn, onWhy, onAgain }: AnswerProps) {
  const { t } = useTranslation('testing')
  const { ended, state } = turn
  if (state === 'running' || state === 'stopped') return null
  const silent = state === 'silent'
  return (
    <div data-slot="answer-foot" className="flex flex-col gap-1 pb-2 pl-9 text-xs">
      <Trouble turn={turn} />
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        {ended ? <Cost turn={turn} /> : null}
        {ended ? (
          <Button variant="link" size="sm" className="text-xs" onClick={() => onWhy(turn)}>
            <CircleQuestionMark aria-hidden />
            {t(silent ? 'whySilent' : 'why')}
          </Button>
        ) : null}
        {onAgain ? (
          <Button variant="link" size="sm" className="text-xs" onClick={() => onAgain(turn)}>
            <RotateCw aria-hidden />
            {t(state === 'answered' ? 'again' : 'retry')}
          </Button>
        ) : null}
      </div>
    </div>
  )
}

function Trouble({ turn }: { turn: ShownTurn }) {
  const { t, i18n } = useTranslation('testing')
  const reasonText = useReasonText()
  const { state, ended, asking } = turn
  if (state === 'broken') {
    return (
      <p role="alert" className="text-danger text-sm">
        {reasonText(asking?.error)}
      </p>
    )
  }
  if (state !== 'silent' && state !== 'failed') return null
  const reason = i18n.language === 'en' ? ended?.reasonEn : ended?.reasonRu
  return (
    <p className="text-ink-2 text-sm">
      {t(state)}
      {reason ? `: ${reason}` : null}
    </p>
  )
}

function Cost({ turn }: { turn: ShownTurn }) {
  const { t } = useTranslation('testing')
  const { ended } = turn
  if (!ended) return null
  const tokens = tokensOf(ended.usage)
  const wallet = BigInt(ended.costMicroPix) - BigInt(ended.allowanceMicroPix)
  return (
    <span className="text-ink-2 flex flex-wrap gap-x-1.5">
      <span>{turn.version === 0 ? t('fromDraft') : t('fromVersion', { number: turn.version })}</span>
      {tokens > 0 ? <span>· {t('tokens', { count: tokens })}</span> : null}
      <span>·</span>
      {ended.costMicroPix === '0' ? (
        <span>{t('free')}</span>
      ) : (
        <>
          <Money microPix={ended.costMicroPix} priceMicroRub={null} />
          {wallet === 0n ? <span>{t('paidByAllowance')}</span> : null}
        </>
      )}
    </span>
  )
}
