import { Confirm, Menu, MenuContent, MenuItem, MenuTrigger } from '@neipix/ui'
import { useNavigate } from '@tanstack/react-router'
import { Archive } from 'lucide-react'
import { useState, type ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { toaster } from '@app/shared/toaster'
import type { Assistant } from './draft'
import { useProblemText } from './problem'
import { useAct } from './queries'

export interface MoreMenuProps {
  assistant: Assistant
  trigger: ReactElement
}

/** What is rarely done with an assistant. It is open when it comes: somebody has reached for it. */
export default function MoreMenu({ assistant, trigger }: MoreMenuProps) {
  const { t } = useTranslation('assistants')
  const [archiving, setArchiving] = useState(false)
  return (
    <>
      <Menu defaultOpen>
        <MenuTrigger render={trigger} />
        <MenuContent>
          <MenuItem tone="danger" icon={<Archive aria-hidden />} onClick={() => setArchiving(true)}>
            {t('actions.archive')}
          </MenuItem>
        </MenuContent>
      </Menu>
      <ArchiveQuestion assistant={assistant} open={archiving} onOpenChange={setArchiving} />
    </>
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
