import { Menu as BaseMenu } from '@base-ui/react/menu'
import { Check } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn, type PartProps } from './cn'
import { floatingPanel, optionRow } from './surfaces'

/** Holds the open state. */
export const Menu = BaseMenu.Root
/** Opens the menu; pass the button as `render`. */
export const MenuTrigger = BaseMenu.Trigger
/** Items under one `MenuGroupLabel`. */
export const MenuGroup = BaseMenu.Group

export interface MenuContentProps extends PartProps<BaseMenu.Popup.Props> {
  side?: BaseMenu.Positioner.Props['side']
  align?: BaseMenu.Positioner.Props['align']
}

/** The list of actions. */
export function MenuContent({ side = 'bottom', align = 'end', className, ...props }: MenuContentProps) {
  return (
    <BaseMenu.Portal>
      <BaseMenu.Positioner
        side={side}
        align={align}
        sideOffset={4}
        collisionPadding={8}
        className="z-50 outline-none"
      >
        <BaseMenu.Popup
          data-slot="menu"
          {...props}
          className={cn(
            floatingPanel,
            'max-h-(--available-height) max-w-[min(20rem,var(--available-width))] min-w-44 overflow-y-auto p-1',
            className,
          )}
        />
      </BaseMenu.Positioner>
    </BaseMenu.Portal>
  )
}

export interface MenuItemProps extends PartProps<BaseMenu.Item.Props> {
  icon?: ReactNode
  /** `danger` for what cannot be undone. */
  tone?: 'plain' | 'danger'
  /** Keys that do the same, at the end of the row. */
  shortcut?: ReactNode
}

/** One action. */
export function MenuItem({ icon, tone = 'plain', shortcut, className, children, ...props }: MenuItemProps) {
  return (
    <BaseMenu.Item
      data-slot="menu-item"
      {...props}
      className={cn(optionRow, tone === 'danger' && 'text-danger data-highlighted:bg-danger-soft', className)}
    >
      {icon}
      <span className="min-w-0 flex-1">{children}</span>
      {shortcut}
    </BaseMenu.Item>
  )
}

export interface MenuLinkItemProps extends PartProps<BaseMenu.LinkItem.Props> {
  icon?: ReactNode
}

/** A way to another screen; pass the router's link as `render`. */
export function MenuLinkItem({ icon, className, children, ...props }: MenuLinkItemProps) {
  return (
    <BaseMenu.LinkItem
      data-slot="menu-link-item"
      closeOnClick
      {...props}
      className={cn(optionRow, className)}
    >
      {icon}
      <span className="min-w-0 flex-1">{children}</span>
    </BaseMenu.LinkItem>
  )
}

/** Something that is on or off. */
export function MenuCheckboxItem({ className, children, ...props }: PartProps<BaseMenu.CheckboxItem.Props>) {
  return (
    <BaseMenu.CheckboxItem data-slot="menu-checkbox-item" {...props} className={cn(optionRow, className)}>
      <span className="flex size-4">
        <BaseMenu.CheckboxItemIndicator>
          <Check aria-hidden className="text-ai" />
        </BaseMenu.CheckboxItemIndicator>
      </span>
      <span className="min-w-0 flex-1">{children}</span>
    </BaseMenu.CheckboxItem>
  )
}

/** The name of a group of items. */
export function MenuGroupLabel({ className, ...props }: PartProps<BaseMenu.GroupLabel.Props>) {
  return (
    <BaseMenu.GroupLabel
      data-slot="menu-group-label"
      {...props}
      className={cn('text-2xs text-ink-2 px-2 pt-2 pb-1 font-medium', className)}
    />
  )
}

/** A line between groups. */
export function MenuSeparator({ className, ...props }: PartProps<BaseMenu.Separator.Props>) {
  return (
    <BaseMenu.Separator
      data-slot="menu-separator"
      {...props}
      className={cn('bg-line -mx-1 my-1 h-px', className)}
    />
  )
}
