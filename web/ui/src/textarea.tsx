import { Field } from '@base-ui/react/field'
import { useCallback, useLayoutEffect, useRef, type ComponentPropsWithRef, type InputEvent } from 'react'
import { cn } from './cn'
import { controlBox } from './surfaces'

export interface TextareaProps extends ComponentPropsWithRef<'textarea'> {
  /** Height when empty, in lines. */
  minRows?: number | undefined
  /** Height at which it begins to scroll, in lines. */
  maxRows?: number | undefined
}

/** Many lines of text; grows with what is typed. Takes react-hook-form's `register` as it is. */
export function Textarea({ minRows = 3, maxRows = 12, className, ref, onInput, ...props }: TextareaProps) {
  const own = useRef<HTMLTextAreaElement | null>(null)
  const attach = useCallback(
    (node: HTMLTextAreaElement | null) => {
      own.current = node
      if (typeof ref === 'function') ref(node)
      else if (ref) ref.current = node
    },
    [ref],
  )
  useLayoutEffect(() => grow(own.current), [props.value, props.defaultValue])
  const handleInput = (event: InputEvent<HTMLTextAreaElement>) => {
    grow(event.currentTarget)
    onInput?.(event)
  }
  return (
    <Field.Control
      render={
        <textarea
          data-slot="textarea"
          {...props}
          ref={attach}
          onInput={handleInput}
          style={{ minHeight: height(minRows), maxHeight: height(maxRows), ...props.style }}
          className={cn(controlBox, 'field-sizing-content resize-none px-3 py-1.75', className)}
        />
      }
    />
  )
}

/* Lines plus the padding and the border of the box. */
const height = (rows: number) => `calc(${rows}lh + 1rem)`

/* `field-sizing` does it in CSS where it is known; this is for the browsers that do not know it. */
function grow(node: HTMLTextAreaElement | null) {
  if (!node || typeof CSS === 'undefined' || CSS.supports?.('field-sizing', 'content')) return
  node.style.height = 'auto'
  node.style.height = `${node.scrollHeight + node.offsetHeight - node.clientHeight}px`
}
