import { Tooltip as BaseTooltip } from '@base-ui/react/tooltip'
import type { ReactElement, ReactNode } from 'react'

export interface TooltipProps {
  /** A few words; anything longer, or with a link, is a `Hint`. */
  label: ReactNode
  /** Keys that do the same. */
  shortcut?: ReactNode
  side?: BaseTooltip.Positioner.Props['side']
  /** The button it belongs to. It needs its own name: a tooltip is not there on touch screens. */
  children: ReactElement
}

/** Says what an icon button does, on hover and on keyboard focus. */
export function Tooltip({ label, shortcut, side = 'top', children }: TooltipProps) {
  return (
    <BaseTooltip.Root>
      <BaseTooltip.Trigger render={children} />
      <BaseTooltip.Portal>
        <BaseTooltip.Positioner side={side} sideOffset={6} collisionPadding={8} className="z-50">
          <BaseTooltip.Popup
            data-slot="tooltip"
            className="bg-ink text-paper flex max-w-64 origin-(--transform-origin) items-center gap-2 rounded-sm px-2 py-1 text-xs shadow-lg transition-opacity data-ending-style:opacity-0 data-starting-style:opacity-0"
          >
            {label}
            {shortcut}
          </BaseTooltip.Popup>
        </BaseTooltip.Positioner>
      </BaseTooltip.Portal>
    </BaseTooltip.Root>
  )
}
