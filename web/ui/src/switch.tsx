import { Switch as BaseSwitch } from '@base-ui/react/switch'
import { useId, type ReactNode } from 'react'
import { choiceNames, ChoiceRow } from './checkbox'
import { cn, type PartProps } from './cn'

export interface SwitchProps extends Omit<PartProps<BaseSwitch.Root.Props>, 'children'> {
  /** Words beside the switch; without them give `aria-label`. */
  label?: ReactNode
  hint?: ReactNode
}

/** An on-or-off setting that takes effect at once. */
export function Switch({ label, hint, className, ...props }: SwitchProps) {
  const id = useId()
  const track = (
    <BaseSwitch.Root
      data-slot="switch"
      {...choiceNames(id, label, hint)}
      {...props}
      className={cn(
        'touch-target border-line-strong bg-sunken data-checked:border-ai data-checked:bg-ai flex h-5 w-9 shrink-0 items-center rounded-full border p-0.5 transition-colors data-disabled:opacity-50',
        className,
      )}
    >
      <BaseSwitch.Thumb
        data-slot="switch-thumb"
        className="bg-ink-2 data-checked:bg-ai-ink size-3.5 rounded-full transition-[translate,background-color] data-checked:translate-x-4"
      />
    </BaseSwitch.Root>
  )
  if (!label) return track
  return <ChoiceRow reverse id={id} control={track} label={label} hint={hint} disabled={props.disabled} />
}
