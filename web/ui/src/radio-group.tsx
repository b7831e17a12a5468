import { Radio } from '@base-ui/react/radio'
import { RadioGroup as BaseRadioGroup } from '@base-ui/react/radio-group'
import { useId, type ReactNode } from 'react'
import { choiceNames, ChoiceRow } from './checkbox'
import { cn } from './cn'

export interface RadioOption<Value extends string> {
  value: Value
  label: ReactNode
  hint?: ReactNode
  disabled?: boolean
}

export interface RadioGroupProps<Value extends string> {
  options: readonly RadioOption<Value>[]
  value: Value
  onValueChange: (value: Value) => void
  disabled?: boolean | undefined
  name?: string | undefined
  /** Needed where no `Field labelAs="span"` gives a label. */
  'aria-label'?: string | undefined
  className?: string | undefined
}

/** One of a few values, all in sight. */
export function RadioGroup<Value extends string>(props: RadioGroupProps<Value>) {
  const { options, value, onValueChange, disabled, name, className } = props
  return (
    <BaseRadioGroup
      data-slot="radio-group"
      value={value}
      onValueChange={(next: Value) => onValueChange(next)}
      disabled={disabled}
      name={name}
      aria-label={props['aria-label']}
      className={cn('flex flex-col gap-2', className)}
    >
      {options.map((option) => (
        <RadioRow key={option.value} option={option} />
      ))}
    </BaseRadioGroup>
  )
}

function RadioRow<Value extends string>({ option }: { option: RadioOption<Value> }) {
  const id = useId()
  const dot = (
    <Radio.Root
      data-slot="radio"
      value={option.value}
      disabled={option.disabled ?? false}
      {...choiceNames(id, option.label, option.hint)}
      className="touch-target border-line-strong bg-surface data-checked:border-ai data-checked:bg-ai data-invalid:border-danger flex size-4.5 shrink-0 items-center justify-center rounded-full border transition-colors data-disabled:opacity-50"
    >
      <Radio.Indicator className="bg-ai-ink size-1.5 rounded-full data-unchecked:hidden" />
    </Radio.Root>
  )
  return (
    <ChoiceRow id={id} control={dot} label={option.label} hint={option.hint} disabled={option.disabled} />
  )
}
