import { Ban, Check, CircleAlert, Clock, LoaderCircle, RotateCcw } from 'lucide-react'
import { cn } from '../cn'
import { cleanText } from './clean-text'

/** How far a message has got. */
export type Delivery =
  | { readonly state: 'queued' | 'sending' | 'sent' | 'cancelled' }
  | { readonly state: 'failed'; readonly reason: string }

/** Words for the states. */
export interface DeliveryLabels extends Record<Delivery['state'], string> {
  /** The button of a failed message. */
  readonly resend: string
}

/** Props of {@link DeliveryState}. */
export interface DeliveryStateProps {
  readonly delivery: Delivery
  readonly labels: DeliveryLabels
  readonly onResend?: (() => void) | undefined
}

const ICONS = { queued: Clock, sending: LoaderCircle, sent: Check, cancelled: Ban, failed: CircleAlert }

/** The state of a message in an icon and a word; a failed one says why and can be sent again. */
export function DeliveryState({ delivery, labels, onResend }: DeliveryStateProps) {
  const Icon = ICONS[delivery.state]
  const failed = delivery.state === 'failed'
  return (
    <span
      data-slot="delivery"
      data-state={delivery.state}
      className={cn('inline-flex flex-wrap items-center gap-x-1.5 gap-y-0.5', failed && 'text-danger')}
    >
      <Icon
        aria-hidden
        className={cn(
          'size-3.5 shrink-0',
          delivery.state === 'sending' && 'animate-spin motion-reduce:animate-none',
        )}
      />
      <span>{labels[delivery.state]}</span>
      {delivery.state === 'failed' && <span className="break-words">{cleanText(delivery.reason)}</span>}
      {failed && onResend && (
        <button
          type="button"
          onClick={onResend}
          className="inline-flex min-h-6 items-center gap-1 font-medium underline underline-offset-2 pointer-coarse:min-h-11"
        >
          <RotateCcw aria-hidden className="size-3.5" />
          {labels.resend}
        </button>
      )}
    </span>
  )
}
