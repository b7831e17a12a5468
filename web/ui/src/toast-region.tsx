import { Toast as BaseToast } from '@base-ui/react/toast'
import { CircleAlert, CircleCheck, Info, X } from 'lucide-react'
import { useEffect, type ReactNode } from 'react'
import { buttonVariants, IconButton } from './button'
import { cn } from './cn'
import type { ToastRegionProps, ToastTone } from './toast'

/** The region itself; `ToastRegion` loads it. */
export default function LoadedRegion({ toaster, labels }: ToastRegionProps) {
  // By now the provider below listens: effects of children run first.
  useEffect(() => toaster.begin(), [toaster])
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
