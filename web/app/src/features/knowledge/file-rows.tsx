import {
  Confirm,
  IconButton,
  Menu,
  MenuContent,
  MenuItem,
  MenuSeparator,
  MenuTrigger,
  Time,
} from '@neipix/ui'
import { Ellipsis, FileText, RotateCw, ScrollText, ToggleLeft, ToggleRight, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ApiError } from '@neipix/api'
import { useMay } from '@app/shared/session'
import { toaster } from '@app/shared/toaster'
import { formatBytes } from './bytes'
import { FileStatus } from './file-status'
import { useReasonText } from './problem'
import { useDeleteFile, useRetryFile, useSwitchFile, type KnowledgeFile } from './queries'

export interface FileRowsProps {
  assistantId: string
  files: readonly KnowledgeFile[]
  onPreview: (file: KnowledgeFile) => void
}

/** The files of the knowledge base. */
export function FileRows({ assistantId, files, onPreview }: FileRowsProps) {
  const { t } = useTranslation('knowledge')
  const [deleting, setDeleting] = useState<KnowledgeFile>()
  return (
    <>
      <ul
        aria-label={t('list.label')}
        className="border-line bg-surface divide-line flex flex-col divide-y rounded-xl border"
      >
        {files.map((file) => (
          <li
            key={file.id}
            id={`file-${file.id}`}
            data-status={file.status}
            className="flex items-center gap-3 px-4 py-3"
          >
            <FileText aria-hidden className="text-ink-2 hidden size-5 shrink-0 sm:block" />
            <div className="min-w-0 flex-1">
              <Name file={file} onPreview={onPreview} />
              <About file={file} />
            </div>
            <FileStatus file={file} />
            <FileMenu assistantId={assistantId} file={file} onPreview={onPreview} onDelete={setDeleting} />
          </li>
        ))}
      </ul>
      <DeleteQuestion assistantId={assistantId} file={deleting} onClose={() => setDeleting(undefined)} />
    </>
  )
}

function Name({ file, onPreview }: { file: KnowledgeFile; onPreview: (file: KnowledgeFile) => void }) {
  if (file.status !== 'FILE_STATUS_READY') return <p className="truncate font-medium">{file.name}</p>
  return (
    <button
      type="button"
      className="hover:text-ai block min-h-6 max-w-full truncate text-left font-medium pointer-coarse:min-h-11"
      onClick={() => onPreview(file)}
    >
      {file.name}
    </button>
  )
}

function About({ file }: { file: KnowledgeFile }) {
  const { t, i18n } = useTranslation('knowledge')
  if (file.status === 'FILE_STATUS_FAILED' && file.failure) {
    const { textRu, textEn } = file.failure
    return <p className="text-danger text-sm break-words">{i18n.language === 'en' ? textEn : textRu}</p>
  }
  const parts = [
    formatBytes(Number(file.sizeBytes), i18n.language),
    ...(file.pageCount > 1 ? [t('list.pages', { count: file.pageCount })] : []),
    ...(file.passageCount > 0 ? [t('list.passages', { count: file.passageCount })] : []),
  ]
  return (
    <p className="text-ink-2 text-xs">
      {parts.join(' · ')}
      {file.createTime ? (
        <>
          {' · '}
          <Time value={file.createTime} />
        </>
      ) : null}
    </p>
  )
}

interface FileMenuProps {
  assistantId: string
  file: KnowledgeFile
  onPreview: (file: KnowledgeFile) => void
  onDelete: (file: KnowledgeFile) => void
}

function FileMenu({ assistantId, file, onPreview, onDelete }: FileMenuProps) {
  const { t } = useTranslation('knowledge')
  const mayWrite = useMay('knowledge.write')
  const retry = useRetryFile(assistantId)
  const toggle = useSwitchFile(assistantId)
  const ready = file.status === 'FILE_STATUS_READY'
  if (!ready && !mayWrite) return null
  return (
    <Menu>
      <MenuTrigger render={<IconButton aria-label={t('list.actions', { name: file.name })} size="sm" />}>
        <Ellipsis aria-hidden />
      </MenuTrigger>
      <MenuContent>
        {ready ? (
          <MenuItem icon={<ScrollText aria-hidden />} onClick={() => onPreview(file)}>
            {t('list.preview')}
          </MenuItem>
        ) : null}
        {mayWrite && file.status === 'FILE_STATUS_FAILED' ? (
          <MenuItem icon={<RotateCw aria-hidden />} onClick={() => retry.mutate(file.id)}>
            {t('list.retry')}
          </MenuItem>
        ) : null}
        {mayWrite && ready ? (
          <MenuItem
            icon={file.disabled ? <ToggleLeft aria-hidden /> : <ToggleRight aria-hidden />}
            onClick={() => toggle.mutate(file)}
          >
            {t(file.disabled ? 'list.switchOn' : 'list.switchOff')}
          </MenuItem>
        ) : null}
        {mayWrite ? (
          <>
            {ready || file.status === 'FILE_STATUS_FAILED' ? <MenuSeparator /> : null}
            <MenuItem tone="danger" icon={<Trash2 aria-hidden />} onClick={() => onDelete(file)}>
              {t('list.delete')}
            </MenuItem>
          </>
        ) : null}
      </MenuContent>
    </Menu>
  )
}

interface DeleteQuestionProps {
  assistantId: string
  /** The file in question. */
  file: KnowledgeFile | undefined
  onClose: () => void
}

function DeleteQuestion({ assistantId, file, onClose }: DeleteQuestionProps) {
  const { t } = useTranslation('knowledge')
  const remove = useDeleteFile(assistantId)
  const reasonText = useReasonText()
  // The words stay while the question fades away.
  const [shown, setShown] = useState(file)
  if (file && file !== shown) setShown(file)
  const name = shown?.name ?? ''
  const close = () => {
    remove.reset()
    onClose()
  }
  const confirm = () => {
    if (!file) return
    remove.mutate(file.id, {
      onSuccess: () => {
        close()
        toaster.show({ tone: 'ok', title: t('delete.done', { name }) })
      },
    })
  }
  const reason = remove.error instanceof ApiError ? remove.error.reason : 'INTERNAL'
  return (
    <Confirm
      open={file !== undefined}
      onOpenChange={(open) => {
        if (!open) close()
      }}
      title={t('delete.title', { name })}
      description={t('delete.text')}
      confirmLabel={t('delete.confirm')}
      cancelLabel={t('cancel', { ns: 'common' })}
      pending={remove.isPending}
      error={remove.isError ? reasonText(reason) : undefined}
      onConfirm={confirm}
    />
  )
}
