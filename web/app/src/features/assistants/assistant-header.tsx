import {
  Button,
  Confirm,
  IconButton,
  Menu,
  MenuContent,
  MenuItem,
  MenuTrigger,
  PageHeader,
  PixelPortrait,
} from '@neipix/ui'
import { Link, useNavigate } from '@tanstack/react-router'
import { Archive, Ellipsis, Pause, Play } from 'lucide-react'
import { useCallback, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { toaster } from '@app/shared/toaster'
import type { Assistant } from './draft'
import { useDraft } from './drafts'
import { useProblemText } from './problem'
import { PublishDialog } from './publish-dialog'
import { useAct } from './queries'
import { SaveIndicator } from './save-indicator'
import { StatusBadge } from './status-badge'
import { useAssistantCommands } from './use-assistant-commands'

/** Face, name and state of an assistant, the same above all of its screens. */
export function AssistantHeader({ assistant }: { assistant: Assistant }) {
  const { t } = useTranslation('assistants')
  const { fields, save, flush } = useDraft(assistant)
  const { id, status, publishedVersion } = assistant
  return (
    <PageHeader
      breadcrumbs={{
        'aria-label': t('crumbs'),
        crumbs: [{ label: t('title'), link: <Link to="/assistants" /> }],
      }}
      lead={<PixelPortrait id={id} size={52} />}
      title={fields.name.trim() || t('form.name')}
      badge={
        <>
          <StatusBadge status={status} />
          {publishedVersion > 0 ? (
            <span className="text-ink-2 text-sm">{t('list.version', { number: publishedVersion })}</span>
          ) : null}
          <SaveIndicator save={save} onRetry={() => void flush()} />
        </>
      }
      actions={<Actions assistant={assistant} flush={flush} />}
      className="pb-4"
    />
  )
}

interface ActionsProps {
  assistant: Assistant
  flush: () => Promise<boolean>
}

function Actions({ assistant, flush }: ActionsProps) {
  const { t } = useTranslation('assistants')
  const [publishing, setPublishing] = useState(false)
  const [archiving, setArchiving] = useState(false)
  const mayPublish = useMay('assistants.publish')
  const mayWrite = useMay('assistants.write')
  const openPublish = useCallback(() => setPublishing(true), [])
  const { id, draft, status } = assistant
  const publishable = mayPublish && assistant.unpublishedChanges && status !== 'ASSISTANT_STATUS_ARCHIVED'
  useAssistantCommands(id, draft?.name ?? t('title'), publishable ? openPublish : undefined)
  if (status === 'ASSISTANT_STATUS_ARCHIVED') return <p className="text-ink-2 text-sm">{t('archived')}</p>
  return (
    <>
      {mayPublish ? <PauseButton assistant={assistant} /> : null}
      {publishable ? (
        <Button variant="primary" onClick={openPublish}>
          {t('actions.publish')}
        </Button>
      ) : null}
      {mayWrite ? (
        <Menu>
          <MenuTrigger render={<IconButton aria-label={t('actions.more')} variant="secondary" />}>
            <Ellipsis aria-hidden />
          </MenuTrigger>
          <MenuContent>
            <MenuItem tone="danger" icon={<Archive aria-hidden />} onClick={() => setArchiving(true)}>
              {t('actions.archive')}
            </MenuItem>
          </MenuContent>
        </Menu>
      ) : null}
      <PublishDialog assistant={assistant} open={publishing} onOpenChange={setPublishing} flush={flush} />
      <ArchiveQuestion assistant={assistant} open={archiving} onOpenChange={setArchiving} />
    </>
  )
}

function PauseButton({ assistant }: { assistant: Assistant }) {
  const { t } = useTranslation('assistants')
  const [pause, resume] = [useAct('pause'), useAct('resume')]
  const { id, status, draft } = assistant
  if (status !== 'ASSISTANT_STATUS_PUBLISHED' && status !== 'ASSISTANT_STATUS_PAUSED') return null
  const works = status === 'ASSISTANT_STATUS_PUBLISHED'
  const name = draft?.name ?? ''
  const toggle = () => {
    const verb = works ? pause : resume
    verb.mutate(id, {
      onSuccess: () =>
        toaster.show({ tone: 'ok', title: t(works ? 'pausedToast' : 'resumedToast', { name }) }),
    })
  }
  return (
    <Button loading={pause.isPending || resume.isPending} onClick={toggle}>
      {works ? <Pause aria-hidden /> : <Play aria-hidden />}
      {/* A phone has room for the sign only. */}
      <span className="max-sm:sr-only">{t(works ? 'actions.pause' : 'actions.resume')}</span>
    </Button>
  )
}

interface QuestionProps {
  assistant: Assistant
  open: boolean
  onOpenChange: (open: boolean) => void
}

function ArchiveQuestion({ assistant, open, onOpenChange }: QuestionProps) {
  const { t } = useTranslation('assistants')
  const archive = useAct('archive', true)
  const problemText = useProblemText()
  const navigate = useNavigate()
  const name = assistant.draft?.name ?? ''
  const confirm = async () => {
    try {
      await archive.mutateAsync(assistant.id)
      onOpenChange(false)
      toaster.show({ tone: 'ok', title: t('archive.done', { name }) })
      await navigate({ to: '/assistants' })
    } catch {
      // Told in the question.
    }
  }
  return (
    <Confirm
      open={open}
      onOpenChange={onOpenChange}
      title={t('archive.title', { name })}
      description={t('archive.text')}
      confirmLabel={t('archive.confirm')}
      cancelLabel={t('cancel', { ns: 'common' })}
      pending={archive.isPending}
      error={archive.isError ? problemText(archive.error) : undefined}
      onConfirm={() => void confirm()}
    />
  )
}
