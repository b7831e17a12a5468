import { Field as BaseField } from '@base-ui/react/field'
import { CircleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { cn } from './cn'

export interface FieldProps {
  label: ReactNode
  /** Help that is always there. */
  hint?: ReactNode
  /** What is wrong and how to mend it; marks the control as invalid. */
  error?: ReactNode
  /** A word at the end of the label's line, such as «необязательно» or a counter. */
  aside?: ReactNode
  /** `span` for controls that are no native input: select, radio group, slider. */
  labelAs?: 'label' | 'span'
  disabled?: boolean | undefined
  className?: string | undefined
  /** One control of the kit; ids of label, hint and error reach it by themselves. */
  children: ReactNode
}

/** A control with its label, hint and error. */
export function Field(props: FieldProps) {
  const { label, hint, error, aside, labelAs = 'label', disabled = false, className, children } = props
  return (
    <BaseField.Root
      data-slot="field"
      invalid={Boolean(error)}
      disabled={disabled}
      className={cn('flex min-w-0 flex-col gap-1.5', className)}
    >
      <div className="flex items-baseline justify-between gap-3">
        <FieldLabel as={labelAs}>{label}</FieldLabel>
        {aside ? <span className="text-ink-2 text-xs">{aside}</span> : null}
      </div>
      {children}
      {hint ? (
        <BaseField.Description data-slot="field-hint" className="text-ink-2 text-xs">
          {hint}
        </BaseField.Description>
      ) : null}
      {error ? (
        <BaseField.Error
          match
          data-slot="field-error"
          className="text-danger flex items-start gap-1.5 text-xs"
        >
          <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
          <span>{error}</span>
        </BaseField.Error>
      ) : null}
    </BaseField.Root>
  )
}

function FieldLabel({ as, children }: { as: 'label' | 'span'; children: ReactNode }) {
  const look = 'text-sm font-medium text-ink data-disabled:opacity-60'
  if (as === 'label') {
    return (
      <BaseField.Label data-slot="field-label" className={look}>
        {children}
      </BaseField.Label>
    )
  }
  return (
    <BaseField.Label data-slot="field-label" nativeLabel={false} render={<span />} className={look}>
      {children}
    </BaseField.Label>
  )
}
