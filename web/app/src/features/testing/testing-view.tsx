import { Button, Composer, NoAccess, Skeleton, type TranscriptHandle } from '@neipix/ui'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Square } from 'lucide-react'
import { useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { create, useStore } from 'zustand'
import { useMay } from '@app/shared/session'
import { Trouble } from '@app/shared/trouble'
import { ExplanationSheet } from '@app/widgets/explanation/explanation-sheet'
import type { Answerer } from './answer-view'
import { Dialogue } from './dialogue'
import { askerOf, explanationQuery, isRunning, simulationQuery } from './queries'
import { shownTurns, type ShownTurn } from './shown-turns'
import { TestSide } from './test-side'

/** Questions that are being typed, by assistant: they outlive a look at another screen. */
const useTyped = create<Readonly<Record<string, string>>>(() => ({}))

const QUESTION_MAX = 8000

export interface TestingViewProps {
  answerer: Answerer
  /** 0 = none. */
  publishedVersion: number
  archived: boolean
  /** Saves what is typed in the instruction; true where the server has all of it. */
  beforeAsk: () => Promise<boolean>
  onOpenFile: (fileId: string) => void
}

/** A dialogue with the assistant that no customer sees. */
export function TestingView(props: TestingViewProps) {
  const { t } = useTranslation('testing')
  const mayAsk = useMay('assistants.write')
  if (!mayAsk) return <NoAccess title={t('noAccess.title', { ns: 'common' })} hint={t('readOnly')} />
  return <Test {...props} />
}

function Test(props: TestingViewProps) {
  const { answerer, publishedVersion, onOpenFile } = props
  const { id } = answerer
  const listing = useQuery(simulationQuery(id))
  const asker = askerOf(useQueryClient())
  const asking = useStore(asker.store, (all) => all[id])
  const [version, setVersion] = useState(0)
  const [why, setWhy] = useState<ShownTurn>()
  const transcript = useRef<TranscriptHandle>(null)
  if (listing.isPending) return <Skeletons />
  if (!listing.data)
    return (
      <Trouble error={listing.error} onRetry={() => void listing.refetch()} retrying={listing.isFetching} />
    )
  const turns = shownTurns(listing.data.turns, asking)
  const busy = asking?.state === 'running' || listing.data.turns.some(isRunning)
  const ask = (question: string, of: number) => {
    asker.ask(id, question, of)
    transcript.current?.scrollToEnd()
  }
  const again = (turn: ShownTurn) => {
    if (turn.state === 'broken') asker.retry(id)
    else ask(turn.question, turn.version)
  }
  return (
    <div className="flex flex-1 flex-col-reverse gap-5 lg:flex-row">
      <section className="border-line bg-surface flex h-[max(26rem,calc(100dvh-19rem))] min-w-0 flex-1 flex-col overflow-hidden rounded-xl border shadow-sm">
        <div className="min-h-0 flex-1">
          <Dialogue
            ref={transcript}
            turns={turns}
            answerer={answerer}
            onWhy={setWhy}
            onOpenFile={onOpenFile}
            onAgain={busy ? undefined : again}
          />
        </div>
        <Ask
          {...props}
          version={version}
          count={listing.data.turns.length}
          most={listing.data.turnsMax}
          reading={asking?.state === 'running'}
          busy={busy}
          onAsk={ask}
          onStop={() => asker.stop(id)}
        />
      </section>
      <TestSide
        assistantId={id}
        version={version}
        onVersion={setVersion}
        publishedVersion={publishedVersion}
        listing={listing.data}
      />
      <Why assistantId={id} turn={why} onClose={() => setWhy(undefined)} />
    </div>
  )
}

interface WhyProps {
  assistantId: string
  /** The turn in question; `undefined` = closed. */
  turn: ShownTurn | undefined
  onClose: () => void
}

function Why({ assistantId, turn, onClose }: WhyProps) {
  // The words stay while the panel moves away.
  const [shown, setShown] = useState(turn)
  if (turn && turn !== shown) setShown(turn)
  const id = shown?.id
  const query = useQuery({ ...explanationQuery(assistantId, id ?? ''), enabled: id !== undefined })
  return (
    <ExplanationSheet
      open={turn !== undefined}
      onOpenChange={(open) => {
        if (!open) onClose()
      }}
      about={shown?.state === 'answered' ? 'answer' : 'silence'}
      query={query}
    />
  )
}

interface AskProps extends TestingViewProps {
  version: number
  /** Questions so far. */
  count: number
  most: number
  /** This page reads an answer. */
  reading: boolean
  /** Some answer is being written. */
  busy: boolean
  onAsk: (question: string, version: number) => void
  onStop: () => void
}

function Ask(props: AskProps) {
  const { answerer, archived, version, count, most, reading, busy, beforeAsk, onAsk, onStop } = props
  const { t } = useTranslation('testing')
  const typed = useTyped((all) => all[answerer.id] ?? '')
  const setTyped = (text: string) => useTyped.setState({ [answerer.id]: text })
  const [saving, setSaving] = useState(false)
  const [unsaved, setUnsaved] = useState(false)
  const send = async (question: string) => {
    setSaving(true)
    const saved = version > 0 || (await beforeAsk())
    setSaving(false)
    setUnsaved(!saved)
    if (!saved) return
    setTyped('')
    onAsk(question, version)
  }
  const reason = archived
    ? t('archived')
    : count >= most && !busy
      ? t('full', { count: most })
      : saving
        ? t('saving')
        : reading
          ? t('answering')
          : busy
            ? t('finishing')
            : undefined
  return (
    <div className="border-line flex flex-col gap-2 border-t p-3">
      {unsaved ? (
        <p role="alert" className="text-danger text-sm">
          {t('unsaved')}
        </p>
      ) : null}
      <Composer
        value={typed}
        onChange={setTyped}
        onSend={(question) => void send(question)}
        maxLength={QUESTION_MAX}
        disabledReason={reason}
        labels={{
          input: t('input'),
          placeholder: t('placeholder'),
          send: t('send'),
          remaining: (left) => t('left', { count: left }),
          tooLong: t('tooLong'),
        }}
      />
      {reading ? (
        <div>
          <Button size="sm" onClick={onStop}>
            <Square aria-hidden />
            {t('stop')}
          </Button>
        </div>
      ) : null}
    </div>
  )
}

function Skeletons() {
  const { t } = useTranslation('common')
  return (
    <div aria-busy className="flex flex-1 flex-col gap-5 lg:flex-row">
      <span role="status" className="sr-only">
        {t('loading')}
      </span>
      <Skeleton className="h-[max(26rem,calc(100dvh-19rem))] flex-1 rounded-xl" />
      <div className="flex flex-col gap-4 lg:w-64">
        <Skeleton className="h-9 w-48" />
        <Skeleton className="h-10 w-full" />
        <Skeleton className="h-10 w-full" />
      </div>
    </div>
  )
}
