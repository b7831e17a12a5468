import {
  Card,
  CardContent,
  CardDescription,
  CardHeader,
  CardTitle,
  Confirm,
  CopyButton,
  Button,
} from '@neipix/ui'
import { MessageSquareMore } from 'lucide-react'
import { useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { toaster } from '@app/shared/toaster'
import { ChannelNews, ChannelState } from './channel-state'
import { useProblemText } from './problem'
import { useDisconnect, type Channel } from './queries'
import { WidgetForm } from './widget-form'
import { WidgetSecret } from './widget-secret'

/** The chat on the customer's own site. */
export function WidgetCard({ assistantId, channel }: { assistantId: string; channel: Channel | undefined }) {
  const { t } = useTranslation('channels')
  const mayManage = useMay('channels.manage')
  return (
    <Card aria-labelledby="widget-title" className="xl:col-span-2">
      <CardHeader>
        <CardTitle id="widget-title" className="flex items-center gap-2">
          <MessageSquareMore aria-hidden className="text-ink-2 size-5" />
          {t('widget.title')}
        </CardTitle>
        <ChannelState state={channel?.state ?? 'CHANNEL_STATE_NOT_CONNECTED'} />
        <CardDescription>{t('widget.text')}</CardDescription>
      </CardHeader>
      <CardContent className="flex flex-col gap-6">
        {channel?.widget ? <Snippet snippet={channel.widget.snippet} /> : null}
        {channel ? <ChannelNews channel={channel} /> : null}
        {mayManage ? (
          // A widget that came or went is another form.
          <WidgetForm key={channel?.id ?? 'none'} assistantId={assistantId} channel={channel} />
        ) : null}
        {mayManage && channel ? (
          <>
            <WidgetSecret assistantId={assistantId} channel={channel} />
            <Remove assistantId={assistantId} channel={channel} />
          </>
        ) : null}
      </CardContent>
    </Card>
  )
}

function Snippet({ snippet }: { snippet: string }) {
  const { t } = useTranslation('channels')
  const id = useId()
  const pre = useRef<HTMLPreElement>(null)
  const copy = { ns: 'common' } as const
  const select = () => {
    if (pre.current) window.getSelection()?.selectAllChildren(pre.current)
  }
  return (
    <section aria-labelledby={id} className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 id={id} className="text-sm font-semibold">
          {t('widget.snippet')}
        </h3>
        <CopyButton
          size="sm"
          value={snippet}
          labels={{ copy: t('copy', copy), copied: t('copied', copy), failed: t('copyFailed') }}
          onFailed={select}
        />
      </div>
      <pre
        ref={pre}
        className="bg-sunken rounded-lg p-3 font-mono text-xs leading-relaxed [overflow-wrap:anywhere] whitespace-pre-wrap"
      >
        {snippet}
      </pre>
      <p className="text-ink-2 text-xs">{t('widget.snippetHint')}</p>
    </section>
  )
}

function Remove({ assistantId, channel }: { assistantId: string; channel: Channel }) {
  const { t } = useTranslation('channels')
  const [open, setOpen] = useState(false)
  const remove = useDisconnect(assistantId)
  const problemText = useProblemText()
  const confirm = () =>
    remove.mutate(channel.id, {
      onSuccess: () => {
        setOpen(false)
        toaster.show({ tone: 'ok', title: t('widget.removed') })
      },
    })
  return (
    <div>
      <Button onClick={() => setOpen(true)}>{t('widget.remove')}</Button>
      <Confirm
        open={open}
        onOpenChange={setOpen}
        title={t('widget.removeTitle')}
        description={t('widget.removeText')}
        confirmLabel={t('widget.remove')}
        cancelLabel={t('cancel', { ns: 'common' })}
        pending={remove.isPending}
        error={remove.isError ? problemText(remove.error) : undefined}
        onConfirm={confirm}
      />
    </div>
  )
}
