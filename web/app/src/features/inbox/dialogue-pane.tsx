import { Empty, Skeleton, Sheet, SheetContent, buttonVariants } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { live } from '@app/shared/live'
import { isMissing } from '@app/shared/problems'
import { useMay } from '@app/shared/session'
import { Trouble } from '@app/shared/trouble'
import { ComposerPane } from './composer-pane'
import { ContactPane } from './contact-pane'
import { useCore } from './core'
import { valueOf } from './dialogue'
import { DialogueHeader } from './dialogue-header'
import { DialogueTranscript } from './dialogue-transcript'
import { markSeen } from './inbox-store'
import { place, type Conversation } from './kinds'
import { dialogue, thread } from './queries'
import { useDialogueKeys } from './use-dialogue-keys'
import { useHandOff, useLossTold } from './use-hand-off'

// It comes with the first answer that somebody asks about.
const WhySheet = lazy(() => import('./why-sheet'))

export interface DialoguePaneProps {
  readonly id: string
  /** What is explained beside it, as in the address. */
  readonly why: string | undefined
  readonly onWhy: (why: string | undefined) => void
  /** Whether the customer's pane is open where there is no room for it beside the dialogue. */
  readonly side: boolean
  readonly onSide: (open: boolean) => void
}

/** An open dialogue. Give it the id as `key`. */
export function DialoguePane(props: DialoguePaneProps) {
  const { id } = props
  const query = useQuery({ ...dialogue(id), select: valueOf })
  useEffect(() => live.watch(id), [id])
  useSeen(query.data)
  if (query.data) return <Loaded {...props} conversation={query.data} />
  if (query.isError) return <Failed query={query} />
  return (
    <div aria-busy className="flex h-full flex-col gap-6 p-4">
      <Skeleton className="h-10 w-1/2" />
      <Skeleton className="h-16 w-3/5" />
      <Skeleton className="h-16 w-3/5 self-end" />
    </div>
  )
}

function Failed({
  query,
}: {
  readonly query: { error: unknown; refetch: () => unknown; isFetching: boolean }
}) {
  const { t } = useTranslation('inbox')
  const list = useSearch({ from: '/_app/chats' })
  if (!isMissing(query.error))
    return <Trouble error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />
  return (
    <Empty
      title={t('missing.title')}
      hint={t('missing.hint')}
      action={
        <Link to="/chats" search={list} className={buttonVariants()}>
          {t('missing.back')}
        </Link>
      }
    />
  )
}

function Loaded(props: DialoguePaneProps & { readonly conversation: Conversation }) {
  const { id, conversation, why, onWhy, side, onSide } = props
  const { t } = useTranslation('inbox')
  const query = useQuery(thread(id))
  const handOff = useHandOff(id)
  const mayReply = useMay('chats.reply')
  const [asks, setAsks] = useState<'takeFrom' | 'close'>()
  // Once asked it stays, so that the sheet goes away as it came.
  const [asked, setAsked] = useState(why !== undefined)
  if (why !== undefined && !asked) setAsked(true)
  useLossTold(conversation, handOff.pending !== undefined)
  useDialogueKeys({ conversation, handOff, mayReply, onAsk: setAsks })
  return (
    <div data-slot="dialogue" className="@container/dialogue flex h-full min-h-0">
      <div className="flex min-h-0 min-w-0 flex-1 flex-col">
        <DialogueHeader
          conversation={conversation}
          handOff={handOff}
          mayReply={mayReply}
          asks={asks}
          onAsk={setAsks}
          onSide={() => onSide(true)}
        />
        <div className="min-h-0 flex-1">
          {query.data?.loaded ? (
            <DialogueTranscript
              conversation={conversation}
              thread={query.data}
              onWhy={onWhy}
              handOff={handOff}
            />
          ) : query.isError ? (
            <Trouble error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />
          ) : (
            <TranscriptSkeleton />
          )}
        </div>
        <ComposerPane conversation={conversation} handOff={handOff} mayReply={mayReply} onAsk={setAsks} />
      </div>
      <aside
        aria-label={t('side.title')}
        className="border-line hidden w-72 shrink-0 overflow-y-auto border-s p-4 @4xl/dialogue:block"
      >
        <ContactPane conversation={conversation} />
      </aside>
      <Sheet open={side} onOpenChange={onSide}>
        <SheetContent title={t('side.title')} closeLabel={t('side.close')}>
          <ContactPane conversation={conversation} bare />
        </SheetContent>
      </Sheet>
      <Suspense fallback={null}>
        {asked ? <WhySheet conversation={id} why={why} onClose={() => onWhy(undefined)} /> : null}
      </Suspense>
    </div>
  )
}

function TranscriptSkeleton() {
  return (
    <div aria-busy className="flex h-full flex-col justify-end gap-4 p-4">
      <Skeleton className="h-14 w-2/5 rounded-xl" />
      <Skeleton className="h-20 w-3/5 self-end rounded-xl" />
      <Skeleton className="h-14 w-1/2 rounded-xl" />
    </div>
  )
}

/** What is on the screen of a visible page has been seen. */
function useSeen(conversation: Conversation | undefined): void {
  const { store } = useCore()
  const id = conversation?.id
  const seq = conversation ? place(conversation.lastSeq) : 0
  useEffect(() => {
    if (id === undefined) return
    const mark = () => {
      if (document.visibilityState === 'visible') markSeen(store, id, seq)
    }
    mark()
    document.addEventListener('visibilitychange', mark)
    return () => document.removeEventListener('visibilitychange', mark)
  }, [store, id, seq])
}
