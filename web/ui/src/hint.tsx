import { Info } from 'lucide-react'
import type { ReactNode } from 'react'
import { IconButton } from './button'
import { Popover, PopoverContent, PopoverDescription, PopoverTitle, PopoverTrigger } from './popover'

export interface HintProps {
  /** Name of the button, such as «Что такое креативность». */
  label: string
  title?: ReactNode
  children: ReactNode
}

/** An explanation behind an «i»: opens by press, key or pause of the pointer, and may hold links. */
export function Hint({ label, title, children }: HintProps) {
  return (
    <Popover>
      <PopoverTrigger
        openOnHover
        delay={300}
        render={<IconButton aria-label={label} size="sm" className="text-ink-2" data-slot="hint" />}
      >
        <Info aria-hidden />
      </PopoverTrigger>
      <PopoverContent aria-label={title ? undefined : label}>
        {title ? <PopoverTitle>{title}</PopoverTitle> : null}
        <PopoverDescription render={<div />}>{children}</PopoverDescription>
      </PopoverContent>
    </Popover>
  )
}
