import { CircleAlert, Inbox, Lock, RotateCw } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button } from './button'
import { cn } from './cn'
import { CopyButton, type CopyLabels } from './copy-field'

export interface EmptyProps {
  title: ReactNode
  /** What will be here, and what to do for it. */
  hint?: ReactNode
  /** The button that ends the emptiness. */
  action?: ReactNode
  /** An icon or a portrait in place of the usual one. */
  icon?: ReactNode
  className?: string | undefined
}

/** A list with nothing in it, or nothing that fits the filter. */
export function Empty({ title, hint, action, icon, className }: EmptyProps) {
  return (
    <State
      slot="empty"
      icon={icon ?? <Inbox aria-hidden />}
      title={title}
      hint={hint}
      action={action}
      className={className}
    />
  )
}

export interface ErrorStateProps {
  title: ReactNode
  hint?: ReactNode
  retryLabel: string
  onRetry: () => void
  retrying?: boolean
  /** The id of the request, for support. */
  trace?: { id: string; label: string; copy: CopyLabels }
  className?: string | undefined
}

/** Something did not load: says so, offers another try, and the id that support asks for. */
export function ErrorState(props: ErrorStateProps) {
  const { title, hint, retryLabel, onRetry, retrying = false, trace, className } = props
  const retry = (
    <Button onClick={onRetry} loading={retrying}>
      <RotateCw aria-hidden />
      {retryLabel}
    </Button>
  )
  return (
    <State
      slot="error-state"
      alert
      icon={<CircleAlert aria-hidden className="text-danger" />}
      title={title}
      hint={hint}
      action={retry}
      className={className}
    >
      {trace ? (
        <div className="text-ink-2 flex flex-wrap items-center justify-center gap-2 pt-2 text-xs">
          <span>{trace.label}</span>
          <code className="font-mono break-all select-all">{trace.id}</code>
          <CopyButton size="sm" value={trace.id} labels={trace.copy} />
        </div>
      ) : null}
    </State>
  )
}

export interface NoAccessProps {
  title: ReactNode
  /** Who can give access. */
  hint?: ReactNode
  action?: ReactNode
  className?: string | undefined
}

/** The screen exists, but this person may not see it. */
export function NoAccess({ title, hint, action, className }: NoAccessProps) {
  return (
    <State
      slot="no-access"
      icon={<Lock aria-hidden />}
      title={title}
      hint={hint}
      action={action}
      className={className}
    />
  )
}

interface StateProps {
  slot: string
  icon: ReactNode
  title: ReactNode
  hint: ReactNode
  action: ReactNode
  alert?: boolean
  className: string | undefined
  children?: ReactNode
}

function State({ slot, icon, title, hint, action, alert = false, className, children }: StateProps) {
  return (
    <div
      data-slot={slot}
      role={alert ? 'alert' : undefined}
      className={cn(
        '[&>svg]:text-ink-2 flex min-h-60 flex-1 flex-col items-center justify-center gap-2 p-6 text-center [&>svg]:mb-1 [&>svg]:size-7',
        className,
      )}
    >
      {icon}
      <p className="text-lg font-semibold">{title}</p>
      {hint ? <p className="text-ink-2 max-w-md">{hint}</p> : null}
      {action ? <div className="flex flex-wrap justify-center gap-2 pt-2">{action}</div> : null}
      {children}
    </div>
  )
}
