import { Dialog as BaseDialog } from '@base-ui/react/dialog'
import { cva, type VariantProps } from 'class-variance-authority'
import { X } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { IconButton } from './button'
import { cn, type PartProps } from './cn'
import { scrim } from './surfaces'

/** Holds the open state; controlled by `open` and `onOpenChange`. */
export const Dialog = BaseDialog.Root
/** Opens the dialog; pass the button as `render`. */
export const DialogTrigger = BaseDialog.Trigger
/** Closes the dialog; pass the button as `render`. */
export const DialogClose = BaseDialog.Close

const popup = cva(
  'pointer-events-auto relative flex max-h-full w-full flex-col overflow-hidden rounded-xl border border-line bg-surface text-ink shadow-lg outline-none transition-[opacity,scale] duration-200 data-ending-style:scale-98 data-ending-style:opacity-0 data-starting-style:scale-98 data-starting-style:opacity-0',
  {
    variants: { size: { sm: 'max-w-sm', md: 'max-w-lg', lg: 'max-w-3xl' } },
    defaultVariants: { size: 'md' },
  },
)

export interface DialogContentProps extends PartProps<BaseDialog.Popup.Props> {
  size?: VariantProps<typeof popup>['size']
  /** Name of the cross. */
  closeLabel: string
  children: ReactNode
}

/** The window itself. Escape, the cross and a press outside close it; focus returns to where it was. */
export function DialogContent({ size, closeLabel, className, children, ...props }: DialogContentProps) {
  return (
    <BaseDialog.Portal>
      <BaseDialog.Backdrop className={scrim} />
      <BaseDialog.Viewport className="pointer-events-none fixed inset-0 z-40 flex items-center justify-center p-4">
        <BaseDialog.Popup data-slot="dialog" {...props} className={cn(popup({ size }), className)}>
          {children}
          <CloseCross label={closeLabel} />
        </BaseDialog.Popup>
      </BaseDialog.Viewport>
    </BaseDialog.Portal>
  )
}

/** The cross in the corner. It stands last, so that focus begins at the content. */
export function CloseCross({ label }: { label: string }) {
  return (
    <BaseDialog.Close
      data-slot="dialog-close"
      render={<IconButton aria-label={label} size="sm" className="absolute top-3 right-3" />}
    >
      <X aria-hidden />
    </BaseDialog.Close>
  )
}

/** Title and description. */
export function DialogHeader({ className, ...props }: ComponentProps<'div'>) {
  return (
    <div
      data-slot="dialog-header"
      {...props}
      className={cn('flex flex-col gap-1 p-5 pr-14 pb-3', className)}
    />
  )
}

/** The name of the dialog; every dialog has one. */
export function DialogTitle({ className, ...props }: PartProps<BaseDialog.Title.Props>) {
  return (
    <BaseDialog.Title
      data-slot="dialog-title"
      {...props}
      className={cn('text-lg font-semibold tracking-tight', className)}
    />
  )
}

/** What the dialog is about, read out after its title. */
export function DialogDescription({ className, ...props }: PartProps<BaseDialog.Description.Props>) {
  return (
    <BaseDialog.Description
      data-slot="dialog-description"
      {...props}
      className={cn('text-ink-2 text-sm', className)}
    />
  )
}

/** The part that scrolls when there is much of it. */
export function DialogBody({ className, ...props }: ComponentProps<'div'>) {
  return (
    <div
      data-slot="dialog-body"
      {...props}
      className={cn('flex min-h-0 flex-1 flex-col gap-4 overflow-y-auto px-5 py-2', className)}
    />
  )
}

/** Buttons, the main one last; under one another on a phone. */
export function DialogFooter({ className, ...props }: ComponentProps<'div'>) {
  return (
    <div
      data-slot="dialog-footer"
      {...props}
      className={cn('flex flex-col-reverse gap-2 p-5 pt-4 sm:flex-row sm:justify-end', className)}
    />
  )
}
