import {
  Button,
  Confirm,
  CopyField,
  Dialog,
  DialogBody,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  Time,
} from '@neipix/ui'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useProblemText } from './problem'
import { useRotateSecret, type Channel } from './queries'

/** The secrets that the site's server signs its visitors with; a new one is shown once. */
export function WidgetSecret({ assistantId, channel }: { assistantId: string; channel: Channel }) {
  const { t } = useTranslation('channels')
  const [asking, setAsking] = useState(false)
  const rotate = useRotateSecret(assistantId)
  const problemText = useProblemText()
  const secrets = channel.widget?.secrets ?? []
  return (
    <section aria-labelledby="widget-secret" className="border-line flex flex-col gap-2 border-t pt-5">
      <h3 id="widget-secret" className="text-sm font-semibold">
        {t('widget.secret')}
      </h3>
      <p className="text-ink-2 text-sm">{t('widget.secretText')}</p>
      {secrets.length === 0 ? <p className="text-sm">{t('widget.secretNone')}</p> : null}
      <ul className="flex flex-col gap-1 text-sm">
        {secrets.map(({ kid, createTime }) => (
          <li key={kid}>
            {t('widget.secretMade', { kid })} {createTime ? <Time value={createTime} /> : null}
          </li>
        ))}
      </ul>
      <div>
        <Button onClick={() => setAsking(true)}>{t('widget.rotate')}</Button>
      </div>
      <Confirm
        open={asking}
        onOpenChange={setAsking}
        tone="primary"
        title={t('widget.rotateTitle')}
        description={t('widget.rotateText')}
        confirmLabel={t('widget.rotate')}
        cancelLabel={t('cancel', { ns: 'common' })}
        pending={rotate.isPending}
        error={rotate.isError ? problemText(rotate.error) : undefined}
        onConfirm={() => rotate.mutate(channel.id, { onSuccess: () => setAsking(false) })}
      />
      <Fresh kid={rotate.data?.kid} secret={rotate.data?.secret} onDone={() => rotate.reset()} />
    </section>
  )
}

interface FreshProps {
  kid: string | undefined
  secret: string | undefined
  onDone: () => void
}

function Fresh({ kid, secret, onDone }: FreshProps) {
  const { t } = useTranslation('channels')
  const copy = { ns: 'common' } as const
  return (
    <Dialog
      open={secret !== undefined}
      // A press beside it must not lose a secret that cannot be shown again.
      disablePointerDismissal
      onOpenChange={(open) => {
        if (!open) onDone()
      }}
    >
      <DialogContent closeLabel={t('close', copy)}>
        <DialogHeader>
          <DialogTitle>{t('widget.rotated', { kid: kid ?? '' })}</DialogTitle>
          <DialogDescription>{t('widget.rotatedText')}</DialogDescription>
        </DialogHeader>
        <DialogBody>
          <CopyField
            label={t('widget.secretLabel')}
            value={secret ?? ''}
            labels={{ copy: t('copy', copy), copied: t('copied', copy), failed: t('copyFailed') }}
          />
        </DialogBody>
        <DialogFooter>
          <Button variant="primary" onClick={onDone}>
            {t('widget.done')}
          </Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  )
}
