import { Checkbox as BaseCheckbox } from '@base-ui/react/checkbox'
import { Check, Minus } from 'lucide-react'
import { useId, type ReactNode } from 'react'
import { cn, type PartProps } from './cn'

export interface CheckboxProps extends Omit<PartProps<BaseCheckbox.Root.Props>, 'children'> {
  /** Words beside the box; without them give `aria-label`. */
  label?: ReactNode
  hint?: ReactNode
}

/** A yes-or-no choice that takes effect with the form. */
export function Checkbox({ label, hint, className, ...props }: CheckboxProps) {
  const id = useId()
  const box = (
    <BaseCheckbox.Root
      data-slot="checkbox"
      {...choiceNames(id, label, hint)}
      {...props}
      className={cn(
        'touch-target border-line-strong bg-surface text-ai-ink data-checked:border-ai data-checked:bg-ai data-indeterminate:border-ai data-indeterminate:bg-ai data-invalid:border-danger flex size-4.5 shrink-0 items-center justify-center rounded-sm border transition-colors data-disabled:opacity-50',
        className,
      )}
    >
      <BaseCheckbox.Indicator className="flex data-unchecked:hidden">
        {props.indeterminate ? (
          <Minus aria-hidden className="size-3.5" strokeWidth={3} />
        ) : (
          <Check aria-hidden className="size-3.5" strokeWidth={3} />
        )}
      </BaseCheckbox.Indicator>
    </BaseCheckbox.Root>
  )
  return label ? <ChoiceRow id={id} control={box} hint={hint} label={label} disabled={props.disabled} /> : box
}

/** Ties a control to the words of its `ChoiceRow`: inside of a `Field` it would take the field's label. */
export function choiceNames(id: string, label: ReactNode, hint: ReactNode) {
  return {
    ...(label ? { 'aria-labelledby': `${id}-label` } : {}),
    ...(hint ? { 'aria-describedby': `${id}-hint` } : {}),
  }
}

export interface ChoiceRowProps {
  /** The one given to `choiceNames`. */
  id: string
  control: ReactNode
  label: ReactNode
  hint: ReactNode
  disabled?: boolean | undefined
  /** Puts the control after the words. */
  reverse?: boolean
}

/** Control, label and hint of a checkbox, switch or radio; the hint stays out of the control's name. */
export function ChoiceRow({ id, control, label, hint, disabled, reverse = false }: ChoiceRowProps) {
  return (
    <div data-slot="choice" className={cn('flex flex-col', disabled && 'opacity-60')}>
      <label
        className={cn(
          'flex min-h-6 items-center gap-2.5 text-base pointer-coarse:min-h-11',
          reverse && 'flex-row-reverse justify-between',
        )}
      >
        {control}
        <span id={`${id}-label`}>{label}</span>
      </label>
      {hint ? (
        <span id={`${id}-hint`} className={cn('text-ink-2 text-xs', !reverse && 'pl-7')}>
          {hint}
        </span>
      ) : null}
    </div>
  )
}
