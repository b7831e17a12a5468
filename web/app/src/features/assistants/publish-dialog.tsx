import {
  Button,
  Dialog,
  DialogBody,
  DialogClose,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  SkeletonText,
} from '@neipix/ui'
import type { Schemas } from '@neipix/api'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { toaster } from '@app/shared/toaster'
import { Trouble } from '@app/shared/trouble'
import { fieldsOf, FIELDS, type Assistant, type DraftField } from './draft'
import { useFieldText } from './field-text'
import { useProblemText } from './problem'
import { useAct, versionQuery } from './queries'
import { changedParts, type SpecField } from './spec-diff'

export interface PublishDialogProps {
  assistant: Assistant
  open: boolean
  onOpenChange: (open: boolean) => void
  /** Saves what is typed; true where the server has all of it. */
  flush: () => Promise<boolean>
}

/** Shows what customers will notice, then publishes. */
export function PublishDialog({ assistant, open, onOpenChange, flush }: PublishDialogProps) {
  const { t } = useTranslation('assistants')
  const number = assistant.publishedVersion + (assistant.unpublishedChanges ? 1 : 0)
  return (
    <Dialog open={open} onOpenChange={onOpenChange}>
      <DialogContent size="lg" closeLabel={t('close', { ns: 'common' })}>
        <DialogHeader>
          <DialogTitle>{t('publish.title', { number: Math.max(number, 1) })}</DialogTitle>
          <DialogDescription>
            {assistant.publishedVersion === 0
              ? t('publish.first')
              : assistant.unpublishedChanges
                ? t('publish.next', { number: assistant.publishedVersion })
                : t('publish.nothing', { number: assistant.publishedVersion })}
          </DialogDescription>
        </DialogHeader>
        <PublishBody assistant={assistant} flush={flush} onDone={() => onOpenChange(false)} />
      </DialogContent>
    </Dialog>
  )
}

interface BodyProps {
  assistant: Assistant
  flush: () => Promise<boolean>
  onDone: () => void
}

function PublishBody({ assistant, flush, onDone }: BodyProps) {
  const { t } = useTranslation('assistants')
  const publish = useAct('publish', true)
  const problemText = useProblemText()
  const saved = useFlushed(flush)
  const paused = assistant.status === 'ASSISTANT_STATUS_PAUSED'
  const confirm = async () => {
    try {
      const { publishedVersion: number } = await publish.mutateAsync(assistant.id)
      toaster.show({ tone: 'ok', title: t(paused ? 'publish.donePaused' : 'publish.done', { number }) })
      onDone()
    } catch {
      // Told below.
    }
  }
  return (
    <>
      <DialogBody>
        {saved === false ? <p role="alert">{t('publish.unsaved')}</p> : null}
        {assistant.publishedVersion > 0 && assistant.unpublishedChanges ? (
          <Changes assistant={assistant} />
        ) : null}
        {paused ? <p className="text-ink-2 text-sm">{t('publish.stays')}</p> : null}
        {publish.isError ? (
          <p role="alert" className="text-danger text-sm">
            {problemText(publish.error)}
          </p>
        ) : null}
      </DialogBody>
      <DialogFooter>
        <DialogClose render={<Button />}>{t('cancel', { ns: 'common' })}</DialogClose>
        <Button
          variant="primary"
          disabled={saved === false || !assistant.unpublishedChanges}
          loading={publish.isPending || saved === undefined}
          onClick={() => void confirm()}
        >
          {t('publish.confirm')}
        </Button>
      </DialogFooter>
    </>
  )
}

/** What was typed a moment ago belongs to the version, too. */
function useFlushed(flush: () => Promise<boolean>): boolean | undefined {
  const [saved, setSaved] = useState<boolean>()
  const latest = useRef(flush)
  useEffect(() => {
    let here = true
    void latest.current().then((done) => {
      if (here) setSaved(done)
    })
    return () => {
      here = false
    }
  }, [])
  return saved
}

function Changes({ assistant }: { assistant: Assistant }) {
  const { t } = useTranslation('assistants')
  const version = useQuery(versionQuery(assistant.id, assistant.publishedVersion))
  if (version.isPending) {
    return (
      <div role="status" aria-label={t('publish.loading')}>
        <SkeletonText lines={4} />
      </div>
    )
  }
  const [from, to] = [version.data?.spec, assistant.draft]
  if (!from || !to) return <Trouble error={version.error} onRetry={() => void version.refetch()} />
  return (
    <ul className="flex flex-col gap-4">
      {changedParts(from, to).map((field) => (
        <li key={field} className="flex flex-col gap-1.5">
          <h3 className="text-sm font-semibold">{t(`publish.fields.${field}`)}</h3>
          <Change field={field} from={from} to={to} />
        </li>
      ))}
    </ul>
  )
}

interface ChangeProps {
  field: SpecField
  from: Schemas['AssistantSpec']
  to: Schemas['AssistantSpec']
}

function isDraftField(field: SpecField): field is DraftField {
  return (FIELDS as string[]).includes(field)
}

function Change({ field, from, to }: ChangeProps) {
  const { t } = useTranslation('assistants')
  const textOf = useFieldText()
  if (!isDraftField(field)) return <p className="text-ink-2 text-sm">{t('publish.changedOnly')}</p>
  const sides = [
    ['was', from],
    ['now', to],
  ] as const
  return (
    <dl className="grid gap-2 sm:grid-cols-2">
      {sides.map(([side, spec]) => (
        <div key={side} className="flex min-w-0 flex-col gap-1">
          <dt className="text-ink-2 text-xs">{t(`publish.${side}`)}</dt>
          <dd className="bg-sunken max-h-56 overflow-y-auto rounded-md p-2.5 text-sm break-words whitespace-pre-wrap">
            {textOf(field, fieldsOf(spec))}
          </dd>
        </div>
      ))}
    </dl>
  )
}
