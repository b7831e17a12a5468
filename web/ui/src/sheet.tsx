import { Dialog as BaseDialog } from '@base-ui/react/dialog'
import type { ReactNode } from 'react'
import { cn, type PartProps } from './cn'
import { CloseCross } from './dialog'
import { scrim } from './surfaces'

/** Holds the open state. With `modal={false}` the page beside the panel stays usable. */
export const Sheet = BaseDialog.Root
/** Opens the sheet; pass the button as `render`. */
export const SheetTrigger = BaseDialog.Trigger
/** Closes the sheet; pass the button as `render`. */
export const SheetClose = BaseDialog.Close

export interface SheetContentProps extends Omit<PartProps<BaseDialog.Popup.Props>, 'title'> {
  title: ReactNode
  description?: ReactNode
  /** Name of the cross. */
  closeLabel: string
  /** Leave out the dimming layer; goes with `modal={false}`. */
  bare?: boolean
  /** Stays in sight under the scrolling part. */
  footer?: ReactNode
  children: ReactNode
}

/** A panel at the right side; on a narrow screen it comes up from the bottom. */
export function SheetContent(props: SheetContentProps) {
  const { title, description, closeLabel, bare = false, footer, className, children, ...rest } = props
  return (
    <BaseDialog.Portal>
      {bare ? null : <BaseDialog.Backdrop className={scrim} />}
      <BaseDialog.Popup
        data-slot="sheet"
        {...rest}
        className={cn(
          'border-line bg-surface text-ink fixed z-40 flex flex-col shadow-lg transition-[translate,opacity] duration-200 outline-none',
          'max-sm:inset-x-0 max-sm:bottom-0 max-sm:max-h-[85dvh] max-sm:rounded-t-xl max-sm:border-t max-sm:data-ending-style:translate-y-full max-sm:data-starting-style:translate-y-full',
          'sm:inset-y-0 sm:right-0 sm:w-[min(26rem,100vw)] sm:border-l sm:data-ending-style:translate-x-full sm:data-starting-style:translate-x-full',
          className,
        )}
      >
        <header data-slot="sheet-header" className="flex flex-col gap-1 p-5 pr-14 pb-3">
          <BaseDialog.Title className="text-lg font-semibold tracking-tight">{title}</BaseDialog.Title>
          {description ? (
            <BaseDialog.Description className="text-ink-2 text-sm">{description}</BaseDialog.Description>
          ) : null}
        </header>
        <div data-slot="sheet-body" className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-5 pb-5">
          {children}
        </div>
        {footer ? (
          <footer
            data-slot="sheet-footer"
            className="border-line flex justify-end gap-2 border-t p-4 pb-[max(1rem,env(safe-area-inset-bottom))]"
          >
            {footer}
          </footer>
        ) : null}
        <CloseCross label={closeLabel} />
      </BaseDialog.Popup>
    </BaseDialog.Portal>
  )
}
