import {
  Button,
  CopyField,
  Dialog,
  DialogBody,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  Field,
  Input,
} from '@neipix/ui'
import { useState, type SubmitEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { CurlExample } from './curl-example'
import { useProblemText } from './problem'
import { useCreateKey } from './queries'

export interface KeyDialogProps {
  assistantId: string
  open: boolean
  onClose: () => void
}

/** Makes a key and shows it this once. */
export function KeyDialog({ assistantId, open, onClose }: KeyDialogProps) {
  const { t } = useTranslation('channels')
  const create = useCreateKey(assistantId)
  const secret = create.data?.secret
  const close = () => {
    create.reset()
    onClose()
  }
  return (
    <Dialog
      open={open}
      // A press beside it must not lose a key that cannot be shown again.
      disablePointerDismissal={secret !== undefined}
      onOpenChange={(next) => {
        if (!next) close()
      }}
    >
      <DialogContent closeLabel={t('close', { ns: 'common' })}>
        {secret === undefined ? <NameForm create={create} /> : <Secret secret={secret} onDone={close} />}
      </DialogContent>
    </Dialog>
  )
}

function NameForm({ create }: { create: ReturnType<typeof useCreateKey> }) {
  const { t } = useTranslation('channels')
  const problemText = useProblemText()
  const [name, setName] = useState('')
  const [faulty, setFaulty] = useState(false)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const trimmed = name.trim()
    const fits = trimmed !== '' && [...trimmed].length <= 100
    setFaulty(!fits)
    if (fits) create.mutate(trimmed)
  }
  const error = faulty ? t('api.nameFault') : create.isError ? problemText(create.error) : undefined
  return (
    <form noValidate onSubmit={submit} className="contents">
      <DialogHeader>
        <DialogTitle>{t('api.createTitle')}</DialogTitle>
        <DialogDescription>{t('api.createText')}</DialogDescription>
      </DialogHeader>
      <DialogBody>
        <Field label={t('api.name')} hint={t('api.nameHint')} error={error}>
          <Input
            autoComplete="off"
            placeholder={t('api.namePlaceholder')}
            value={name}
            onChange={(event) => {
              setName(event.target.value)
              setFaulty(false)
            }}
          />
        </Field>
      </DialogBody>
      <DialogFooter>
        <Button type="submit" variant="primary" loading={create.isPending}>
          {t('api.create')}
        </Button>
      </DialogFooter>
    </form>
  )
}

function Secret({ secret, onDone }: { secret: string; onDone: () => void }) {
  const { t } = useTranslation('channels')
  const copy = { ns: 'common' } as const
  return (
    <>
      <DialogHeader>
        <DialogTitle>{t('api.secretTitle')}</DialogTitle>
        <DialogDescription>{t('api.secretText')}</DialogDescription>
      </DialogHeader>
      <DialogBody>
        <CopyField
          label={t('api.secret')}
          value={secret}
          labels={{ copy: t('copy', copy), copied: t('copied', copy), failed: t('copyFailed') }}
        />
        <CurlExample secret={secret} />
      </DialogBody>
      <DialogFooter>
        <Button variant="primary" onClick={onDone}>
          {t('api.done')}
        </Button>
      </DialogFooter>
    </>
  )
}
