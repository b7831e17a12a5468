import { FileX, Upload, X } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { useDropzone } from 'react-dropzone'
import { Button, IconButton } from './button'
import { cn } from './cn'
import { checkFiles, type FileRejection, type FileRules, type KnownFile } from './file-check'

export interface FileDropLabels {
  /** «Перетащите файлы сюда». */
  title: string
  browse: string
  /** What is allowed: kinds, size, number. */
  hint: ReactNode
  /** While files hang over the place. */
  dropHere: string
  /** Heading of the list of refused files. */
  rejected: string
  /** Why this file was refused and what to do about it. */
  reason: (rejection: FileRejection) => string
  /** Name of the cross that puts the list away. */
  dismiss: string
}

export interface FileDropProps {
  rules: FileRules
  /** Files that are already there: they count, and are not taken twice. */
  known?: readonly KnownFile[]
  /** Files that keep the rules, ready for upload. */
  onFiles: (files: File[]) => void
  labels: FileDropLabels
  disabled?: boolean
  className?: string | undefined
}

/** A place to drop or choose many files; refused ones are listed, each with its reason. */
export function FileDrop({ rules, known = [], onFiles, labels, disabled = false, className }: FileDropProps) {
  const [rejected, setRejected] = useState<FileRejection[]>([])
  // The rules are checked by us alone: the library's own checks know neither duplicates nor our words.
  const zone = useDropzone({
    disabled,
    noClick: true,
    noKeyboard: true,
    onDrop: (files: File[]) => {
      const result = checkFiles(files, rules, known)
      setRejected(result.rejected)
      if (result.accepted.length > 0) onFiles(result.accepted)
    },
  })
  const over = zone.isDragActive
  return (
    <div data-slot="file-drop" className={cn('flex flex-col gap-3', className)}>
      <div
        {...zone.getRootProps()}
        data-over={over || undefined}
        className="border-line-strong bg-surface data-over:border-ai data-over:bg-ai-soft flex flex-col items-center gap-2 rounded-lg border border-dashed p-6 text-center transition-colors aria-disabled:opacity-60"
      >
        <input
          {...zone.getInputProps({ accept: rules.extensions.map((ending) => `.${ending}`).join(',') })}
          aria-label={labels.browse}
        />
        <Upload aria-hidden className="text-ink-2 size-6" />
        <p className="font-medium">{over ? labels.dropHere : labels.title}</p>
        <p className="text-ink-2 text-sm">{labels.hint}</p>
        <Button onClick={zone.open} disabled={disabled}>
          {labels.browse}
        </Button>
      </div>
      <Rejections rejected={rejected} labels={labels} onDismiss={() => setRejected([])} />
    </div>
  )
}

interface RejectionsProps {
  rejected: readonly FileRejection[]
  labels: FileDropLabels
  onDismiss: () => void
}

function Rejections({ rejected, labels, onDismiss }: RejectionsProps) {
  if (rejected.length === 0) return null
  return (
    <div
      role="alert"
      data-slot="file-rejections"
      className="bg-danger-soft flex items-start gap-3 rounded-lg p-3 text-sm"
    >
      <FileX aria-hidden className="text-danger mt-0.5 size-4 shrink-0" />
      <div className="min-w-0 flex-1">
        <p className="font-medium">{labels.rejected}</p>
        <ul className="flex flex-col gap-0.5">
          {rejected.map((rejection, index) => (
            <li key={`${index} ${rejection.file.name}`} className="break-words">
              <span className="font-medium">{rejection.file.name}</span>: {labels.reason(rejection)}
            </li>
          ))}
        </ul>
      </div>
      <IconButton size="sm" aria-label={labels.dismiss} onClick={onDismiss}>
        <X aria-hidden />
      </IconButton>
    </div>
  )
}
