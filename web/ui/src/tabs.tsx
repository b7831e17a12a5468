import { Tabs as BaseTabs } from '@base-ui/react/tabs'
import type { ReactNode } from 'react'
import { cn, type PartProps } from './cn'

/** The look of one tab; put it on router links that stand as tabs, with `aria-current="page"` on the open one. */
export const tabLook =
  'relative flex min-h-9 shrink-0 items-center gap-2 rounded-sm px-3 text-sm font-medium whitespace-nowrap text-ink-2 transition-colors hover:text-ink focus-visible:-outline-offset-2 data-active:text-ink aria-[current=page]:text-ink aria-[current=page]:shadow-[inset_0_-2px_0_var(--ai)] data-disabled:opacity-50 pointer-coarse:min-h-11 [&_svg]:size-4'

/** The row that tabs, or links that look like tabs, stand in. */
export const tabRowLook = 'relative flex gap-1 overflow-x-auto border-b border-line'

export interface TabsProps<Value extends string> {
  value: Value
  onValueChange: (value: Value) => void
  className?: string | undefined
  children: ReactNode
}

/** Parts of one screen, one at a time. For parts with an address use links with `tabLook`. */
export function Tabs<Value extends string>({ value, onValueChange, className, children }: TabsProps<Value>) {
  return (
    <BaseTabs.Root
      data-slot="tabs"
      value={value}
      onValueChange={(next: Value) => onValueChange(next)}
      className={cn('flex min-w-0 flex-col', className)}
    >
      {children}
    </BaseTabs.Root>
  )
}

export interface TabListProps extends PartProps<BaseTabs.List.Props> {
  /** What the tabs divide. */
  'aria-label': string
}

/** The tabs themselves; arrow keys move and choose. */
export function TabList({ className, children, ...props }: TabListProps) {
  return (
    <BaseTabs.List data-slot="tab-list" activateOnFocus {...props} className={cn(tabRowLook, className)}>
      {children}
      <BaseTabs.Indicator
        data-slot="tab-indicator"
        className="bg-ai absolute bottom-0 left-0 h-0.5 w-(--active-tab-width) translate-x-(--active-tab-left) transition-[translate,width] duration-200"
      />
    </BaseTabs.List>
  )
}

/** One tab. */
export function Tab({ className, ...props }: PartProps<BaseTabs.Tab.Props>) {
  return <BaseTabs.Tab data-slot="tab" {...props} className={cn(tabLook, className)} />
}

/** What a tab shows. */
export function TabPanel({ className, ...props }: PartProps<BaseTabs.Panel.Props>) {
  return <BaseTabs.Panel data-slot="tab-panel" {...props} className={cn('min-w-0 pt-4', className)} />
}
