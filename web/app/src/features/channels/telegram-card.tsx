import {
  Button,
  buttonVariants,
  Card,
  CardContent,
  CardDescription,
  CardHeader,
  CardTitle,
  Confirm,
  Dialog,
  DialogBody,
  DialogContent,
  DialogDescription,
  DialogHeader,
  DialogTitle,
  IconButton,
  Menu,
  MenuContent,
  MenuItem,
  MenuTrigger,
} from '@neipix/ui'
import { Ellipsis, KeyRound, Send, Unplug } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { toaster } from '@app/shared/toaster'
import { ChannelNews, ChannelState, CheckButton } from './channel-state'
import { useProblemText } from './problem'
import { useConnectTelegram, useDisconnect, useReplaceToken, type Channel } from './queries'
import { TokenForm } from './token-form'

export interface TelegramCardProps {
  assistantId: string
  /** The assistant's bots. */
  bots: readonly Channel[]
}

/** Bots of Telegram: steps to connect one, and how each is. */
export function TelegramCard({ assistantId, bots }: TelegramCardProps) {
  const { t } = useTranslation('channels')
  const mayManage = useMay('channels.manage')
  const [more, setMore] = useState(false)
  const alive = bots.filter(({ state }) => state !== 'CHANNEL_STATE_NOT_CONNECTED')
  const connecting = mayManage && (alive.length === 0 || more)
  return (
    <Card aria-labelledby="telegram-title">
      <CardHeader>
        <CardTitle id="telegram-title" className="flex items-center gap-2">
          <Send aria-hidden className="text-ink-2 size-5" />
          {t('telegram.title')}
        </CardTitle>
        {alive.length === 0 ? <ChannelState state="CHANNEL_STATE_NOT_CONNECTED" /> : null}
        <CardDescription>{t('telegram.text')}</CardDescription>
      </CardHeader>
      <CardContent className="flex flex-col gap-5">
        {alive.length > 0 ? (
          <ul className="flex flex-col gap-4">
            {alive.map((bot) => (
              <li key={bot.id}>
                <Bot assistantId={assistantId} bot={bot} mayManage={mayManage} />
              </li>
            ))}
          </ul>
        ) : null}
        {connecting ? <Connect assistantId={assistantId} onDone={() => setMore(false)} /> : null}
        {mayManage && !connecting ? (
          <div>
            <Button variant="link" onClick={() => setMore(true)}>
              {t('telegram.another')}
            </Button>
          </div>
        ) : null}
      </CardContent>
    </Card>
  )
}

function Connect({ assistantId, onDone }: { assistantId: string; onDone: () => void }) {
  const { t } = useTranslation('channels')
  const connect = useConnectTelegram(assistantId)
  const problemText = useProblemText()
  const send = (token: string) =>
    connect.mutate(token, {
      onSuccess: ({ title }) => {
        toaster.show({ tone: 'ok', title: t('telegram.connected', { name: title }) })
        onDone()
      },
    })
  return (
    <ol aria-label={t('telegram.steps')} className="flex flex-col gap-3 text-sm">
      <Step number={1}>
        {t('telegram.step1')}{' '}
        <a
          href="https://t.me/BotFather"
          target="_blank"
          rel="noopener noreferrer"
          className="text-ai underline underline-offset-2"
        >
          @BotFather
        </a>{' '}
        {t('telegram.step1After')}
      </Step>
      <Step number={2}>{t('telegram.step2')}</Step>
      <Step number={3}>
        <p className="pb-3">{t('telegram.step3')}</p>
        <TokenForm
          submitLabel={t('telegram.connect')}
          pending={connect.isPending}
          error={connect.isError ? problemText(connect.error) : undefined}
          onSubmit={send}
        />
        {connect.isPending ? (
          <p role="status" className="text-ink-2 pt-2">
            {t('telegram.connecting')}
          </p>
        ) : null}
      </Step>
    </ol>
  )
}

function Step({ number, children }: { number: number; children: React.ReactNode }) {
  return (
    <li className="flex gap-3">
      <span
        aria-hidden
        className="bg-ai-soft text-ai flex size-6 shrink-0 items-center justify-center rounded-full text-xs font-semibold"
      >
        {number}
      </span>
      <div className="min-w-0 flex-1 pt-0.5">{children}</div>
    </li>
  )
}

interface BotProps {
  assistantId: string
  bot: Channel
  mayManage: boolean
}

function Bot({ assistantId, bot, mayManage }: BotProps) {
  const { t } = useTranslation('channels')
  const name = bot.title || t('telegram.bot')
  return (
    <div className="flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-2">
        <div className="min-w-0 flex-1 basis-40">
          <p className="truncate font-medium">{name}</p>
          {bot.botTokenLast4 ? (
            <p className="text-ink-2 text-xs">{t('telegram.last4', { last4: bot.botTokenLast4 })}</p>
          ) : null}
        </div>
        <ChannelState state={bot.state} />
        {mayManage ? <CheckButton assistantId={assistantId} channel={bot} /> : null}
        {bot.title.startsWith('@') ? (
          <a
            href={`https://t.me/${encodeURIComponent(bot.title.slice(1))}`}
            target="_blank"
            rel="noopener noreferrer"
            className={buttonVariants({ size: 'sm' })}
          >
            {t('telegram.open')}
          </a>
        ) : null}
        {mayManage ? <BotMenu assistantId={assistantId} bot={bot} name={name} /> : null}
      </div>
      <ChannelNews channel={bot} />
    </div>
  )
}

function BotMenu({ assistantId, bot, name }: { assistantId: string; bot: Channel; name: string }) {
  const { t } = useTranslation('channels')
  const [open, setOpen] = useState<'replace' | 'disconnect'>()
  return (
    <>
      <Menu>
        <MenuTrigger render={<IconButton size="sm" aria-label={t('telegram.actions', { name })} />}>
          <Ellipsis aria-hidden />
        </MenuTrigger>
        <MenuContent>
          <MenuItem icon={<KeyRound aria-hidden />} onClick={() => setOpen('replace')}>
            {t('telegram.replace')}
          </MenuItem>
          <MenuItem tone="danger" icon={<Unplug aria-hidden />} onClick={() => setOpen('disconnect')}>
            {t('telegram.disconnect')}
          </MenuItem>
        </MenuContent>
      </Menu>
      <Replace
        assistantId={assistantId}
        bot={bot}
        name={name}
        open={open === 'replace'}
        onClose={() => setOpen(undefined)}
      />
      <Disconnect
        assistantId={assistantId}
        bot={bot}
        name={name}
        open={open === 'disconnect'}
        onClose={() => setOpen(undefined)}
      />
    </>
  )
}

interface QuestionProps {
  assistantId: string
  bot: Channel
  name: string
  open: boolean
  onClose: () => void
}

function Replace({ assistantId, bot, name, open, onClose }: QuestionProps) {
  const { t } = useTranslation('channels')
  const replace = useReplaceToken(assistantId)
  const problemText = useProblemText()
  const close = () => {
    replace.reset()
    onClose()
  }
  const send = (botToken: string) =>
    replace.mutate(
      { channel: bot, botToken },
      {
        onSuccess: () => {
          toaster.show({ tone: 'ok', title: t('telegram.replaced', { name }) })
          close()
        },
      },
    )
  return (
    <Dialog
      open={open}
      onOpenChange={(next) => {
        if (!next) close()
      }}
    >
      <DialogContent closeLabel={t('close', { ns: 'common' })}>
        <DialogHeader>
          <DialogTitle>{t('telegram.replaceTitle', { name })}</DialogTitle>
          <DialogDescription>{t('telegram.replaceText')}</DialogDescription>
        </DialogHeader>
        <DialogBody className="pb-5">
          <TokenForm
            submitLabel={t('telegram.replace')}
            pending={replace.isPending}
            error={replace.isError ? problemText(replace.error) : undefined}
            onSubmit={send}
          />
        </DialogBody>
      </DialogContent>
    </Dialog>
  )
}

function Disconnect({ assistantId, bot, name, open, onClose }: QuestionProps) {
  const { t } = useTranslation('channels')
  const disconnect = useDisconnect(assistantId)
  const problemText = useProblemText()
  const close = () => {
    disconnect.reset()
    onClose()
  }
  const confirm = () =>
    disconnect.mutate(bot.id, {
      onSuccess: () => {
        toaster.show({ tone: 'ok', title: t('telegram.disconnected', { name }) })
        close()
      },
    })
  return (
    <Confirm
      open={open}
      onOpenChange={(next) => {
        if (!next) close()
      }}
      title={t('telegram.disconnectTitle', { name })}
      description={t('telegram.disconnectText')}
      confirmLabel={t('telegram.disconnect')}
      cancelLabel={t('cancel', { ns: 'common' })}
      pending={disconnect.isPending}
      error={disconnect.isError ? problemText(disconnect.error) : undefined}
      onConfirm={confirm}
    />
  )
}
