import { Select as BaseSelect } from '@base-ui/react/select'
import { Check, ChevronDown } from 'lucide-react'
import type { ReactNode, Ref } from 'react'
import { cn } from './cn'
import { controlBox, floatingPanel, optionRow } from './surfaces'

export interface SelectOption<Value extends string> {
  value: Value
  label: string
  /** A second, quieter line in the list. */
  note?: ReactNode
  icon?: ReactNode
  disabled?: boolean
}

export interface SelectProps<Value extends string> {
  options: readonly SelectOption<Value>[]
  /** The chosen value; `null` = nothing yet. */
  value: Value | null
  onValueChange: (value: Value) => void
  /** Shown while nothing is chosen. */
  placeholder?: string | undefined
  disabled?: boolean | undefined
  /** Needed where no `Field` gives a label. */
  'aria-label'?: string | undefined
  name?: string | undefined
  onBlur?: (() => void) | undefined
  /** The trigger, so that a form can move focus to it. */
  ref?: Ref<HTMLButtonElement> | undefined
  className?: string | undefined
}

/** One of several values, when there are too many for a segmented control. */
export function Select<Value extends string>(props: SelectProps<Value>) {
  const { options, value, onValueChange, placeholder, disabled, name, onBlur, ref, className } = props
  return (
    <BaseSelect.Root
      items={options}
      value={value}
      onValueChange={(next) => {
        if (next !== null) onValueChange(next)
      }}
      disabled={disabled}
      name={name}
    >
      <BaseSelect.Trigger
        data-slot="select-trigger"
        ref={ref}
        aria-label={props['aria-label']}
        onBlur={onBlur}
        className={cn(
          controlBox,
          'flex h-9 items-center justify-between gap-2 px-3 text-left select-none pointer-coarse:h-11',
          className,
        )}
      >
        <BaseSelect.Value
          data-slot="select-value"
          placeholder={placeholder}
          className="data-placeholder:text-ink-2 truncate"
        />
        <BaseSelect.Icon className="text-ink-2 flex shrink-0">
          <ChevronDown aria-hidden className="size-4" />
        </BaseSelect.Icon>
      </BaseSelect.Trigger>
      <SelectList options={options} />
    </BaseSelect.Root>
  )
}

function SelectList<Value extends string>({ options }: { options: readonly SelectOption<Value>[] }) {
  return (
    <BaseSelect.Portal>
      {/* Aligning the list with the trigger would make Base UI write a style element. */}
      <BaseSelect.Positioner sideOffset={4} alignItemWithTrigger={false} className="z-50 outline-none">
        <BaseSelect.Popup
          data-slot="select-list"
          className={cn(
            floatingPanel,
            'max-h-[min(22rem,var(--available-height))] max-w-(--available-width) min-w-(--anchor-width) overflow-y-auto p-1',
          )}
        >
          {options.map((option) => (
            <SelectRow key={option.value} option={option} />
          ))}
        </BaseSelect.Popup>
      </BaseSelect.Positioner>
    </BaseSelect.Portal>
  )
}

function SelectRow<Value extends string>({ option }: { option: SelectOption<Value> }) {
  return (
    <BaseSelect.Item
      data-slot="select-option"
      value={option.value}
      label={option.label}
      disabled={option.disabled ?? false}
      className={optionRow}
    >
      {option.icon}
      <span className="flex min-w-0 flex-1 flex-col">
        <BaseSelect.ItemText>{option.label}</BaseSelect.ItemText>
        {option.note ? <span className="text-ink-2 text-xs">{option.note}</span> : null}
      </span>
      {/* The tick keeps its place when absent, so that choosing moves no text. */}
      <span className="flex size-4 shrink-0">
        <BaseSelect.ItemIndicator>
          <Check aria-hidden className="text-ai" />
        </BaseSelect.ItemIndicator>
      </span>
    </BaseSelect.Item>
  )
}
