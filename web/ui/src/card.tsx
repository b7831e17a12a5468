import type { ComponentProps } from 'react'
import { cn } from './cn'

/** A sheet of paper for things that belong together. */
export function Card({ className, ...props }: ComponentProps<'section'>) {
  return (
    <section
      data-slot="card"
      {...props}
      className={cn('border-line bg-surface flex min-w-0 flex-col rounded-xl border shadow-sm', className)}
    />
  )
}

/** Title, description and, at the end, actions. */
export function CardHeader({ className, ...props }: ComponentProps<'div'>) {
  return (
    <div
      data-slot="card-header"
      {...props}
      className={cn('flex flex-wrap items-start justify-between gap-3 p-5 pb-0', className)}
    />
  )
}

/** The name of a card. */
export function CardTitle({ className, children, ...props }: ComponentProps<'h2'>) {
  return (
    <h2 data-slot="card-title" {...props} className={cn('text-lg font-semibold tracking-tight', className)}>
      {children}
    </h2>
  )
}

/** A line under the name. */
export function CardDescription({ className, ...props }: ComponentProps<'p'>) {
  return <p data-slot="card-description" {...props} className={cn('text-ink-2 w-full text-sm', className)} />
}

/** What the card is for. */
export function CardContent({ className, ...props }: ComponentProps<'div'>) {
  return <div data-slot="card-content" {...props} className={cn('p-5', className)} />
}

/** Buttons of a card. */
export function CardFooter({ className, ...props }: ComponentProps<'div'>) {
  return (
    <div
      data-slot="card-footer"
      {...props}
      className={cn('border-line flex flex-wrap items-center gap-2 border-t px-5 py-3', className)}
    />
  )
}
