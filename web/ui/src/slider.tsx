import { Slider as BaseSlider } from '@base-ui/react/slider'
import { cn } from './cn'

export interface SliderProps {
  value: number
  onValueChange: (value: number) => void
  /** After the thumb is let go: the moment to save. */
  onValueCommitted?: ((value: number) => void) | undefined
  min?: number | undefined
  max?: number | undefined
  step?: number | undefined
  /** The value in words, seen and read out. */
  valueText: (value: number) => string
  disabled?: boolean | undefined
  name?: string | undefined
  /** Needed where no `Field labelAs="span"` gives a label. */
  'aria-label'?: string | undefined
  className?: string | undefined
}

/** A number on a scale, where its place matters more than its digits. */
export function Slider(props: SliderProps) {
  const { value, onValueChange, onValueCommitted, min = 0, max = 100, step = 1, valueText, className } = props
  return (
    <BaseSlider.Root
      data-slot="slider"
      value={value}
      onValueChange={(next: number) => onValueChange(next)}
      onValueCommitted={(next: number) => onValueCommitted?.(next)}
      min={min}
      max={max}
      step={step}
      disabled={props.disabled ?? false}
      name={props.name}
      className={cn('flex items-center gap-3 data-disabled:opacity-50', className)}
    >
      <BaseSlider.Control className="flex h-9 min-w-0 flex-1 touch-none items-center px-2 select-none pointer-coarse:h-11">
        <BaseSlider.Track className="bg-line h-1.5 w-full rounded-full">
          <BaseSlider.Indicator className="bg-ai rounded-full" />
          <BaseSlider.Thumb
            data-slot="slider-thumb"
            aria-label={props['aria-label']}
            getAriaValueText={(_formatted, current) => valueText(current)}
            className="touch-target border-ai bg-surface has-focus-visible:outline-focus size-4.5 rounded-full border-2 shadow-sm has-focus-visible:outline-2 has-focus-visible:outline-offset-2"
          />
        </BaseSlider.Track>
      </BaseSlider.Control>
      <BaseSlider.Value data-slot="slider-value" className="text-ink-2 min-w-16 text-right text-sm">
        {() => valueText(value)}
      </BaseSlider.Value>
    </BaseSlider.Root>
  )
}
