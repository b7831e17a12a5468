import { Button as BaseButton } from '@base-ui/react/button'
import { cva, type VariantProps } from 'class-variance-authority'
import type { ReactNode } from 'react'
import { cn, type PartProps } from './cn'
import { Spinner } from './spinner'

const variants = cva(
  'relative inline-flex max-w-full shrink-0 items-center justify-center gap-2 rounded-md border border-transparent text-center font-medium transition-colors select-none not-aria-busy:data-disabled:opacity-50 data-disabled:cursor-not-allowed pointer-coarse:min-h-11 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-ai text-ai-ink not-data-disabled:hover:bg-ai-hover',
        human: 'bg-human text-human-ink not-data-disabled:hover:bg-human-hover',
        secondary: 'border-line bg-surface text-ink shadow-sm not-data-disabled:hover:bg-sunken',
        ghost: 'text-ink not-data-disabled:hover:bg-sunken',
        danger: 'bg-danger text-danger-ink not-data-disabled:hover:bg-danger-hover',
        link: 'text-ai underline decoration-1 underline-offset-4 not-data-disabled:hover:decoration-2',
      },
      size: {
        sm: 'min-h-7 px-2.5 py-0.5 text-sm',
        md: 'min-h-9 px-3.5 py-1.5 text-base',
        lg: 'min-h-11 px-5 py-2 text-base',
      },
      shape: { text: '', icon: 'p-0 pointer-coarse:min-w-11' },
    },
    compoundVariants: [
      { variant: 'link', className: 'px-0' },
      { shape: 'icon', size: 'sm', className: 'w-7 p-0' },
      { shape: 'icon', size: 'md', className: 'w-9 p-0' },
      { shape: 'icon', size: 'lg', className: 'w-11 p-0' },
    ],
    defaultVariants: { variant: 'secondary', size: 'md', shape: 'text' },
  },
)

type Look = VariantProps<typeof variants>

/** The look of a button; put it on a link that should look like one. */
export function buttonVariants(look?: Look): string {
  return cn(variants(look))
}

export interface ButtonProps extends PartProps<BaseButton.Props> {
  /** `primary` is the AI's pine, `human` the ochre of a person's own action. */
  variant?: Look['variant']
  size?: Look['size']
  /** Shows a spinner, keeps the width and the focus, ignores presses. */
  loading?: boolean | undefined
}

/** A button; `type="submit"` has to be asked for. */
export function Button({ variant, size, className, ...props }: ButtonProps) {
  return <Pressable {...props} className={cn(buttonVariants({ variant, size }), className)} />
}

export interface IconButtonProps extends Omit<ButtonProps, 'aria-label'> {
  /** What the button does; the icon alone says nothing to a screen reader. */
  'aria-label': string
}

/** A square button with an icon only. */
export function IconButton({ variant = 'ghost', size, className, ...props }: IconButtonProps) {
  return <Pressable {...props} className={cn(buttonVariants({ variant, size, shape: 'icon' }), className)} />
}

function Pressable({
  loading = false,
  disabled = false,
  children,
  ...props
}: Omit<ButtonProps, 'variant' | 'size'>) {
  return (
    <BaseButton
      data-slot="button"
      {...props}
      disabled={disabled || loading}
      focusableWhenDisabled={loading || (props.focusableWhenDisabled ?? false)}
      aria-busy={loading || undefined}
    >
      {loading ? <BusyContent>{children}</BusyContent> : children}
    </BaseButton>
  )
}

/** The words stay in place, unseen: they hold the width and remain the button's name. */
function BusyContent({ children }: { children: ReactNode }) {
  return (
    <>
      <span className="inline-flex items-center gap-2 opacity-0">{children}</span>
      <Spinner className="absolute inset-0 m-auto" />
    </>
  )
}
