import { cva, type VariantProps } from 'class-variance-authority'
import type { ComponentProps, ReactNode } from 'react'
import { cn } from './cn'

const badge = cva(
  'inline-flex min-h-5 max-w-full items-center gap-1 rounded-sm px-1.5 text-2xs font-medium [&_svg]:size-3 [&_svg]:shrink-0',
  {
    variants: {
      tone: {
        neutral: 'bg-sunken text-ink-2',
        ai: 'bg-ai-soft text-ai',
        human: 'bg-human-soft text-human',
        ok: 'bg-ok-soft text-ok',
        warn: 'bg-warn-soft text-warn',
        danger: 'bg-danger-soft text-danger',
      },
    },
    defaultVariants: { tone: 'neutral' },
  },
)

export interface BadgeProps extends ComponentProps<'span'> {
  tone?: VariantProps<typeof badge>['tone']
  icon?: ReactNode
  /** The word: colour alone says nothing to some people. */
  children: ReactNode
}

/** A state in one word. */
export function Badge({ tone, icon, className, children, ...props }: BadgeProps) {
  return (
    <span data-slot="badge" {...props} className={cn(badge({ tone }), className)}>
      {icon}
      <span className="truncate">{children}</span>
    </span>
  )
}
