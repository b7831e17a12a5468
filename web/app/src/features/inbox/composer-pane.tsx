import { Button, Composer } from '@neipix/ui'
import { Headset } from 'lucide-react'
import { useMemo, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { live } from '@app/shared/live'
import { useCore, useInboxState } from './core'
import { setDraft } from './inbox-store'
import { holderOf } from './transcript-items'
import { useDeeds, type DialogueDeeds } from './use-dialogue-keys'

/** The longest message the server takes. */
const MOST = 20_000
/** Others are told of typing at most so often, in milliseconds. */
const TYPING_EVERY = 3_000

/** Where the person writes. What was written stays when the dialogue is lost, and after a reload. */
export function ComposerPane(props: DialogueDeeds) {
  const { conversation, handOff, mayReply } = props
  const { t } = useTranslation('inbox')
  const core = useCore()
  const { id } = conversation
  const draft = useInboxState((state) => state.drafts[id] ?? '')
  const { mine, takeOver } = useDeeds(props)
  const told = useRef(0)
  const labels = useMemo(
    () => ({
      input: t('composer.input'),
      placeholder: t('composer.placeholder'),
      send: t('composer.send'),
      remaining: (count: number) => t('composer.remaining', { count }),
      tooLong: t('composer.tooLong'),
    }),
    [t],
  )
  const write = (text: string) => {
    setDraft(core.store, id, text)
    if (text === '' || Date.now() - told.current < TYPING_EVERY) return
    told.current = Date.now()
    live.typing(id)
  }
  const send = (text: string) => {
    core.send(id, text)
    setDraft(core.store, id, '')
    told.current = 0
  }
  const reason = useReason(props, mine)
  if (!mayReply)
    return <p className="border-line text-ink-2 border-t p-4 text-sm">{t('composer.readOnly')}</p>
  return (
    <div className="border-line flex flex-col gap-2 border-t p-3">
      {takeOver && (
        <div className="bg-human-soft flex flex-wrap items-center justify-between gap-2 rounded-lg px-3 py-2 text-sm">
          <p className="min-w-0 flex-1 basis-48">{reason}</p>
          <Button variant="human" size="sm" loading={handOff.pending === 'takeOver'} onClick={takeOver}>
            <Headset aria-hidden />
            {t('takeOver')}
          </Button>
        </div>
      )}
      {(mine || draft !== '' || !takeOver) && (
        <Composer
          value={draft}
          onChange={write}
          onSend={send}
          labels={labels}
          maxLength={MOST}
          tone="human"
          disabledReason={reason}
        />
      )}
    </div>
  )
}

/** Why nothing can be sent now. */
function useReason({ conversation }: DialogueDeeds, mine: boolean): string | undefined {
  const { t } = useTranslation('inbox')
  if (conversation.status === 'CONVERSATION_STATUS_CLOSED') return t('composer.closed')
  if (mine) return undefined
  const holder = holderOf(conversation)
  if (holder.is === 'nobody') return t('composer.nobody')
  return t(holder.is === 'assistant' ? 'composer.byAssistant' : 'composer.byOther')
}
