import { Toast as BaseToast } from '@base-ui/react/toast'
import { CircleAlert, CircleCheck, Info, X } from 'lucide-react'
import type { ReactNode } from 'react'
import { buttonVariants, IconButton } from './button'
import { cn } from './cn'

/*
 * Base UI, not sonner: sonner adds a style element when it is imported, and our CSP allows none.
 */

type ToastTone = 'info' | 'ok' | 'danger'

export interface ToastOptions {
  title: ReactNode
  description?: ReactNode
  tone?: ToastTone
  /** One thing to do about it, such as «Отменить». */
  action?: { label: string; onPress: () => void }
  /** How long it stays, in ms; 0 = until closed. */
  timeoutMs?: number
  /** A toast with the same id is replaced. */
  id?: string
}

/** Shows and closes toasts from anywhere, also outside React. */
export interface Toaster {
  show: (options: ToastOptions) => string
  close: (id: string) => void
  /** For `ToastRegion`. */
  readonly manager: ReturnType<typeof BaseToast.createToastManager>
}

/** Makes the toaster of an app: one, beside its router and its query client. */
export function createToaster(): Toaster {
  const manager = BaseToast.createToastManager()
  return {
    manager,
    close: (id) => manager.close(id),
    show: ({ title, description, tone = 'info', action, timeoutMs, id }) =>
      manager.add({
        id,
        title,
        description,
        type: tone,
        // Base UI hides a toast of high priority from assistive technology while it can still be focused.
        priority: 'low',
        // Whoever must act, or read what failed, needs time to get there.
        timeout: timeoutMs ?? (action || tone === 'danger' ? 10_000 : 5_000),
        actionProps: action ? { children: action.label, onClick: action.onPress } : undefined,
      }),
  }
}

export interface ToastRegionProps {
  toaster: Toaster
  labels: {
    /** Name of the landmark; F6 jumps to it. */
    region: string
    close: string
  }
}

/** The corner where toasts appear; put it once at the root of the app. */
export function ToastRegion({ toaster, labels }: ToastRegionProps) {
  return (
    <BaseToast.Provider toastManager={toaster.manager} limit={4}>
      <BaseToast.Portal>
        <BaseToast.Viewport
          data-slot="toast-region"
          aria-label={labels.region}
          className="pointer-events-none fixed inset-x-3 bottom-3 z-60 flex flex-col-reverse gap-2 outline-none sm:left-auto sm:w-88"
        >
          <ToastList closeLabel={labels.close} />
        </BaseToast.Viewport>
      </BaseToast.Portal>
    </BaseToast.Provider>
  )
}

const icons: Record<ToastTone, ReactNode> = {
  info: <Info aria-hidden className="text-ink-2" />,
  ok: <CircleCheck aria-hidden className="text-ok" />,
  danger: <CircleAlert aria-hidden className="text-danger" />,
}

function toneOf(type: string | undefined): ToastTone {
  return type === 'ok' || type === 'danger' ? type : 'info'
}

function ToastList({ closeLabel }: { closeLabel: string }) {
  const { toasts } = BaseToast.useToastManager()
  return toasts.map((toast) => (
    <BaseToast.Root
      key={toast.id}
      toast={toast}
      swipeDirection={['right', 'down']}
      data-slot="toast"
      className={cn(
        'border-line bg-surface text-ink pointer-events-auto translate-x-(--toast-swipe-movement-x) translate-y-(--toast-swipe-movement-y) rounded-lg border shadow-lg transition-[opacity,translate] duration-200 data-ending-style:opacity-0 data-limited:hidden data-starting-style:translate-y-2 data-starting-style:opacity-0',
        toneOf(toast.type) === 'danger' && 'border-danger',
      )}
    >
      <BaseToast.Content className="flex items-start gap-2.5 p-3">
        <span className="mt-0.5 flex [&_svg]:size-4">{icons[toneOf(toast.type)]}</span>
        <div className="flex min-w-0 flex-1 flex-col items-start gap-0.5">
          <BaseToast.Title className="text-sm font-medium" />
          <BaseToast.Description className="text-ink-2 text-sm" />
          <BaseToast.Action className={buttonVariants({ variant: 'link', size: 'sm' })} />
        </div>
        {/* Base UI hides the cross until the stack is opened; ours is never stacked. */}
        <BaseToast.Close aria-hidden={false} render={<IconButton aria-label={closeLabel} size="sm" />}>
          <X aria-hidden />
        </BaseToast.Close>
      </BaseToast.Content>
    </BaseToast.Root>
  ))
}
