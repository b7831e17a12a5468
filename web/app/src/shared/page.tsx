import { cn } from '@neipix/ui'
import type { ReactNode } from 'react'

/** A screen with the usual margins; it is at least as tall as the window, so that empty states stand in its middle. */
export function Page({ className, children }: { className?: string; children: ReactNode }) {
  return (
    <div
      className={cn('mx-auto flex min-h-full w-full max-w-6xl flex-col px-4 py-5 sm:px-8 sm:py-7', className)}
    >
      {children}
    </div>
  )
}
