import { Toast as BaseToast } from '@base-ui/react/toast'
import { lazy, Suspense, type ReactNode } from 'react'

/*
 * Base UI, not sonner: sonner adds a style element when it is imported, and our CSP allows none.
 */

export type ToastTone = 'info' | 'ok' | 'danger'

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
  /** For `ToastRegion`: it stands; what was shown before appears. */
  begin: () => void
}

/** Makes the toaster of an app: one, beside its router and its query client. */
export function createToaster(): Toaster {
  const manager = BaseToast.createToastManager()
  // Base UI forgets what nobody listens to, and the region comes a moment after the app.
  const early = new Map<string, ToastOptions>()
  let begun = false
  let count = 0
  const add = (id: string, { title, description, tone = 'info', action, timeoutMs }: ToastOptions) =>
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
    })
  return {
    manager,
    show: (options) => {
      const id = options.id ?? `toast-${++count}`
      if (begun) add(id, options)
      else early.set(id, options)
      return id
    },
    close: (id) => {
      early.delete(id)
      manager.close(id)
    },
    begin: () => {
      begun = true
      for (const [id, options] of early) add(id, options)
      early.clear()
    },
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

// Drawing toasts is heavy, and a first screen has none. Where its code cannot be loaded, the app stands without.
const Loaded = lazy(() => import('./toast-region').catch(() => ({ default: () => <></> })))

/** The corner where toasts appear; put it once at the root of the app. */
export function ToastRegion(props: ToastRegionProps) {
  return (
    <Suspense fallback={null}>
      <Loaded {...props} />
    </Suspense>
  )
}
