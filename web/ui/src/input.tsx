import { Input as BaseInput } from '@base-ui/react/input'
import { cn, type PartProps } from './cn'
import { controlBox } from './surfaces'

export type InputProps = PartProps<BaseInput.Props>

/** A line of text. Takes the result of react-hook-form's `register` as it is. */
export function Input({ className, ...props }: InputProps) {
  return (
    <BaseInput
      data-slot="input"
      {...props}
      className={cn(controlBox, 'h-9 px-3 pointer-coarse:h-11', className)}
    />
  )
}
