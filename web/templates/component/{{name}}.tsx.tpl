import type { ReactNode } from 'react'
import { cn } from './cn'

export interface {{pascalCase name}}Props {
  children: ReactNode
  className?: string | undefined
}

/** Say here what it is for, in one line. */
export function {{pascalCase name}}({ children, className }: {{pascalCase name}}Props) {
  return (
    <div data-slot="{{name}}" className={cn('text-ink', className)}>
      {children}
    </div>
  )
}
