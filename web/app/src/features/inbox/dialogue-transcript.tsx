import { Transcript, type TranscriptHandle } from '@neipix/ui'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useCore, useInboxState, usePassed } from './core'
import type { Conversation } from './kinds'
import { olderMessages } from './queries'
import type { Thread } from './thread'
import { history, present, type TranscriptItem } from './transcript-items'
import { TranscriptRow, type RowDeeds } from './transcript-row'
import type { useHandOff } from './use-hand-off'
import { useRowDeeds } from './use-row-deeds'

export interface DialogueTranscriptProps {
  readonly conversation: Conversation
  readonly thread: Thread
  readonly onWhy: (why: string) => void
  readonly handOff: ReturnType<typeof useHandOff>
}

const keyOf = (item: TranscriptItem) => item.key

/** The messages of a dialogue, with the answer that is being written. */
export function DialogueTranscript(props: DialogueTranscriptProps) {
  const { conversation, thread } = props
  const { id } = conversation
  const { me } = useCore()
  const { t } = useTranslation('inbox')
  const passed = usePassed(id)
  const arrived = useInboxState((state) => state.arrived)
  const all = useInboxState((state) => state.outgoing)
  const outgoing = useMemo(() => all.filter((item) => item.conversation === id), [all, id])
  const said = useMemo(() => history({ thread, conversation, arrived }), [thread, conversation, arrived])
  const going = useMemo(
    () => present({ thread, passed, outgoing, arrived, me }),
    [thread, passed, outgoing, arrived, me],
  )
  const items = useMemo(() => [...said, ...going], [said, going])
  const deeds = useRowDeeds(props)
  const older = useOlder(id, thread)
  const labels = useMemo(
    () => ({
      name: t('transcript.name'),
      newMessages: (count: number) => t('transcript.new', { count }),
      toEnd: t('transcript.toEnd'),
      loadingOlder: t('transcript.older'),
    }),
    [t],
  )
  const transcript = useRef<TranscriptHandle>(null)
  const sent = outgoing.length
  useEffect(() => {
    // Whoever writes wants to see what was written.
    if (sent > 0) transcript.current?.scrollToEnd()
  }, [sent])
  if (items.length === 0)
    return <p className="text-ink-2 flex h-full items-center justify-center p-6">{t('transcript.empty')}</p>
  return (
    <Transcript
      ref={transcript}
      items={items}
      keyOf={keyOf}
      labels={labels}
      countsAsNew={deeds.countsAsNew}
      older={older}
      answer={spoken(items, t('transcript.answering'))}
    >
      {(item) => <TranscriptRow item={item} conversation={conversation} deeds={deeds satisfies RowDeeds} />}
    </Transcript>
  )
}

function useOlder(id: string, thread: Thread) {
  const queries = useQueryClient()
  const { mutate, isPending } = useMutation({
    mutationFn: () => olderMessages(queries, id),
    meta: { handled: true },
  })
  const more = thread.olderMessages !== undefined
  return useMemo(
    () => (more ? { loading: isPending, onLoad: () => mutate() } : undefined),
    [more, isPending, mutate],
  )
}

/** What a screen reader hears of the latest answer. */
function spoken(items: readonly TranscriptItem[], label: string) {
  const last = items.findLast(
    (item) =>
      item.kind === 'answer' || (item.kind === 'message' && item.message.author === 'AUTHOR_ASSISTANT'),
  )
  if (last?.kind === 'answer') return { state: 'streaming', label } as const
  return last?.kind === 'message' ? ({ state: 'done', text: last.message.text } as const) : undefined
}
