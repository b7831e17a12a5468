import { Button, IconButton, PageHeader, PixelPortrait } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { Ellipsis, Pause, Play } from 'lucide-react'
import { lazy, Suspense, useCallback, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { toaster } from '@app/shared/toaster'
import type { Assistant } from './draft'
import { useDraft } from './drafts'
import { PublishDialog } from './publish-dialog'
import { useAct } from './queries'
import { SaveIndicator } from './save-indicator'
import { StatusBadge } from './status-badge'
import { useAssistantCommands } from './use-assistant-commands'

const loadMore = () => import('./more-menu')
const MoreMenu = lazy(loadMore)

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
      {mayWrite ? <MoreButton assistant={assistant} /> : null}
      <PublishDialog assistant={assistant} open={publishing} onOpenChange={setPublishing} flush={flush} />
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

/* The menu's code comes when somebody reaches for it: it would be half of what stands above every screen. */
function MoreButton({ assistant }: { assistant: Assistant }) {
  const { t } = useTranslation('assistants')
  const [wanted, setWanted] = useState(false)
  const look = {
    'aria-label': t('actions.more'),
    variant: 'secondary',
    children: <Ellipsis aria-hidden />,
  } as const
  const load = () => void loadMore()
  const still = <IconButton {...look} onPointerEnter={load} onFocus={load} onClick={() => setWanted(true)} />
  if (!wanted) return still
  return (
    <Suspense fallback={still}>
      <MoreMenu assistant={assistant} trigger={<IconButton {...look} />} />
    </Suspense>
  )
}
