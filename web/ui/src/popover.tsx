import { Popover as BasePopover } from '@base-ui/react/popover'
import { cn, type PartProps } from './cn'
import { floatingPanel } from './surfaces'

/** Holds the open state. */
export const Popover = BasePopover.Root
/** Opens the popover; pass the button as `render`. */
export const PopoverTrigger = BasePopover.Trigger
/** Closes the popover; pass the button as `render`. */
export const PopoverClose = BasePopover.Close

export interface PopoverContentProps extends PartProps<BasePopover.Popup.Props> {
  side?: BasePopover.Positioner.Props['side']
  align?: BasePopover.Positioner.Props['align']
}

/** A small panel beside its trigger; give it a `PopoverTitle` or an `aria-label`. */
export function PopoverContent({
  side = 'bottom',
  align = 'start',
  className,
  ...props
}: PopoverContentProps) {
  return (
    <BasePopover.Portal>
      <BasePopover.Positioner
        side={side}
        align={align}
        sideOffset={6}
        collisionPadding={8}
        className="z-50 outline-none"
      >
        <BasePopover.Popup
          data-slot="popover"
          {...props}
          className={cn(floatingPanel, 'max-w-[min(20rem,var(--available-width))] p-4 text-sm', className)}
        />
      </BasePopover.Positioner>
    </BasePopover.Portal>
  )
}

/** The name of the popover. */
export function PopoverTitle({ className, ...props }: PartProps<BasePopover.Title.Props>) {
  return (
    <BasePopover.Title
      data-slot="popover-title"
      {...props}
      className={cn('pb-1 text-sm font-semibold', className)}
    />
  )
}

/** Text that is read out with the name. */
export function PopoverDescription({ className, ...props }: PartProps<BasePopover.Description.Props>) {
  return (
    <BasePopover.Description
      data-slot="popover-description"
      {...props}
      className={cn('text-ink-2 text-sm', className)}
    />
  )
}
