import { Badge, Button, Confirm, IconButton, PixelPortrait, buttonVariants, cleanText, cn } from '@neipix/ui'
import { Link, useSearch } from '@tanstack/react-router'
import { ArrowLeft, Bot, Check, Headset, UserRound } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { useAssistantName } from './assistants'
import { useCore } from './core'
import type { Conversation } from './kinds'
import { holderOf } from './transcript-items'
import { toComposer, useDeeds, type DialogueDeeds } from './use-dialogue-keys'

export interface DialogueHeaderProps extends Omit<DialogueDeeds, 'onAsk'> {
  readonly asks: 'takeFrom' | 'close' | undefined
  readonly onAsk: (what: 'takeFrom' | 'close' | undefined) => void
  readonly onSide: () => void
}

/** Whose dialogue it is, who answers now, and what can be done about it. */
export function DialogueHeader(props: DialogueHeaderProps) {
  const { conversation, handOff, onSide } = props
  const { t } = useTranslation('inbox')
  const list = useSearch({ from: '/_app/chats' })
  const { takeOver, giveBack, close } = useDeeds(props)
  const { pending } = handOff
  return (
    <header className="border-line flex flex-wrap items-center gap-x-3 gap-y-2 border-b px-4 py-2.5">
      <Link
        to="/chats"
        search={list}
        aria-label={t('back')}
        className={cn(buttonVariants({ variant: 'ghost', shape: 'icon' }), '@2xl/inbox:hidden')}
      >
        <ArrowLeft aria-hidden />
      </Link>
      <div className="flex min-w-0 flex-1 basis-40 flex-col">
        <h2 className="truncate font-semibold">
          {cleanText(conversation.contact?.displayName ?? '') || t('guest')}
        </h2>
        <WhoAnswers conversation={conversation} />
      </div>
      <div className="flex flex-wrap items-center gap-2">
        {takeOver && (
          <Button variant="human" size="sm" loading={pending === 'takeOver'} onClick={takeOver}>
            <Headset aria-hidden />
            {t('takeOver')}
          </Button>
        )}
        {giveBack && (
          <Button size="sm" loading={pending === 'return'} onClick={giveBack}>
            <Bot aria-hidden />
            {t('return')}
          </Button>
        )}
        {close && (
          <Button variant="ghost" size="sm" onClick={close}>
            <Check aria-hidden />
            {t('close')}
          </Button>
        )}
        <IconButton size="sm" aria-label={t('sideOpen')} onClick={onSide} className="@4xl/dialogue:hidden">
          <UserRound aria-hidden />
        </IconButton>
      </div>
      <Questions {...props} />
    </header>
  )
}

function Questions({ asks, onAsk, handOff }: DialogueHeaderProps) {
  const { t } = useTranslation('inbox')
  const done = () => onAsk(undefined)
  const take = async () => {
    await handOff.act('takeOver').then(
      () => setTimeout(toComposer),
      () => undefined,
    )
    done()
  }
  const close = async () => {
    await handOff.act('close').catch(() => undefined)
    done()
  }
  return (
    <>
      <Confirm
        open={asks === 'takeFrom'}
        onOpenChange={done}
        tone="human"
        title={t('takeFrom.title')}
        description={t('takeFrom.text')}
        confirmLabel={t('takeFrom.confirm')}
        cancelLabel={t('cancel')}
        pending={handOff.pending === 'takeOver'}
        onConfirm={() => void take()}
      />
      <Confirm
        open={asks === 'close'}
        onOpenChange={done}
        tone="primary"
        title={t('closing.title')}
        description={t('closing.text')}
        confirmLabel={t('closing.confirm')}
        cancelLabel={t('cancel')}
        pending={handOff.pending === 'close'}
        onConfirm={() => void close()}
      />
    </>
  )
}

/** Who answers now; it changes by itself when another one takes over. */
export function WhoAnswers({ conversation }: { readonly conversation: Conversation }) {
  const { t } = useTranslation('inbox')
  const { me } = useCore()
  const name = useAssistantName(conversation.assistantId)
  const holder = holderOf(conversation)
  if (conversation.status === 'CONVERSATION_STATUS_CLOSED') return <Badge>{t('who.closed')}</Badge>
  if (holder.is === 'nobody') return <Badge tone="human">{t('who.nobody')}</Badge>
  const human = holder.is === 'operator'
  const words = !human
    ? t('who.assistant', { name: cleanText(name) || t('assistant') })
    : t(holder.member === me ? 'who.you' : 'who.operator')
  return (
    <p
      role="status"
      data-slot="who-answers"
      className={cn('flex min-w-0 items-center gap-1.5 text-sm', human ? 'text-human' : 'text-ai')}
    >
      <PixelPortrait
        id={human ? holder.member : conversation.assistantId}
        size={16}
        tone={human ? 'human' : 'ai'}
      />
      <span className="truncate">{words}</span>
    </p>
  )
}
