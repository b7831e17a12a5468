import { AlertDialog } from '@base-ui/react/alert-dialog'
import { useRef, type ReactNode } from 'react'
import { Button } from './button'
import { scrim } from './surfaces'

export interface ConfirmProps {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: ReactNode
  /** What happens, and whether it can be undone. */
  description: ReactNode
  /** The deed in words, such as «Удалить», never just «Да». */
  confirmLabel: string
  cancelLabel: string
  /** The owner closes the question when the deed is done, so that a failure can be told here. */
  onConfirm: () => void
  tone?: 'danger' | 'primary' | 'human'
  /** The deed is under way: the question stays open. */
  pending?: boolean
  /** Why the last try failed. */
  error?: ReactNode
}

/** Asks before something that matters. A press outside does not close it; Escape means «no». */
export function Confirm(props: ConfirmProps) {
  const { open, onOpenChange, pending = false } = props
  const cancelRef = useRef<HTMLButtonElement>(null)
  const confirmRef = useRef<HTMLButtonElement>(null)
  const tone = props.tone ?? 'danger'
  return (
    <AlertDialog.Root
      open={open}
      onOpenChange={(next) => {
        if (!pending) onOpenChange(next)
      }}
    >
      <AlertDialog.Portal>
        <AlertDialog.Backdrop className={scrim} />
        <AlertDialog.Viewport className="pointer-events-none fixed inset-0 z-40 flex items-center justify-center p-4">
          <AlertDialog.Popup
            data-slot="confirm"
            initialFocus={tone === 'danger' ? cancelRef : confirmRef}
            className="border-line bg-surface text-ink pointer-events-auto flex max-h-full w-full max-w-sm flex-col gap-2 overflow-y-auto rounded-xl border p-5 shadow-lg transition-[opacity,scale] duration-200 outline-none data-ending-style:scale-98 data-ending-style:opacity-0 data-starting-style:scale-98 data-starting-style:opacity-0"
          >
            <AlertDialog.Title className="text-lg font-semibold tracking-tight">
              {props.title}
            </AlertDialog.Title>
            <AlertDialog.Description className="text-ink-2 text-sm">
              {props.description}
            </AlertDialog.Description>
            {props.error ? (
              <p role="alert" data-slot="confirm-error" className="text-danger text-sm">
                {props.error}
              </p>
            ) : null}
            <div className="flex flex-col-reverse gap-2 pt-3 sm:flex-row sm:justify-end">
              <AlertDialog.Close ref={cancelRef} render={<Button disabled={pending} />}>
                {props.cancelLabel}
              </AlertDialog.Close>
              <Button ref={confirmRef} variant={tone} loading={pending} onClick={props.onConfirm}>
                {props.confirmLabel}
              </Button>
            </div>
          </AlertDialog.Popup>
        </AlertDialog.Viewport>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
