import { cva, type VariantProps } from 'class-variance-authority'
import { CircleAlert, Info, TriangleAlert, UserRound, WifiOff, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { IconButton } from './button'
import { cn } from './cn'

const banner = cva('flex flex-wrap items-center gap-x-3 gap-y-2 px-4 py-2 text-sm', {
  variants: {
    tone: {
      info: 'bg-sunken text-ink',
      offline: 'bg-ink text-paper',
      warn: 'bg-warn-soft text-ink',
      danger: 'bg-danger-soft text-ink',
      human: 'bg-human-soft text-ink',
    },
  },
})

type Tone = NonNullable<VariantProps<typeof banner>['tone']>

const icons: Record<Tone, ReactNode> = {
  info: <Info aria-hidden className="text-ink-2" />,
  offline: <WifiOff aria-hidden />,
  warn: <TriangleAlert aria-hidden className="text-warn" />,
  danger: <CircleAlert aria-hidden className="text-danger" />,
  human: <UserRound aria-hidden className="text-human" />,
}

export interface BannerProps {
  /** `human` is for a person acting as another one. */
  tone: Tone
  children: ReactNode
  action?: ReactNode
  /** With a name for the cross it can be put away. */
  dismiss?: { label: string; onDismiss: () => void }
  className?: string | undefined
}

/** A line across the screen about the whole of it. `danger` is announced at once. */
export function Banner({ tone, children, action, dismiss, className }: BannerProps) {
  return (
    <div
      data-slot="banner"
      data-tone={tone}
      role={tone === 'danger' ? 'alert' : 'status'}
      className={cn(banner({ tone }), className)}
    >
      <span className="flex [&_svg]:size-4 [&_svg]:shrink-0">{icons[tone]}</span>
      <div className="min-w-0 flex-1 basis-48">{children}</div>
      {action}
      {dismiss ? (
        <IconButton
          size="sm"
          aria-label={dismiss.label}
          onClick={dismiss.onDismiss}
          className="text-current not-data-disabled:hover:bg-current/15"
        >
          <X aria-hidden />
        </IconButton>
      ) : null}
    </div>
  )
}
