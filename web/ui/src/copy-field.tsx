import { Check, Copy } from 'lucide-react'
import { useEffect, useId, useRef, useState, type ReactNode } from 'react'
import { Button } from './button'
import { cn } from './cn'
import { controlBox } from './surfaces'

export interface CopyLabels {
  copy: string
  copied: string
  /** The browser refused; the value is selected so that the person can copy it. */
  failed: string
}

type CopyState = 'idle' | 'copied' | 'failed'

/** Copies text and remembers for two seconds how that went. */
export function useCopy(value: string): { state: CopyState; copy: () => Promise<boolean> } {
  const [state, setState] = useState<CopyState>('idle')
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const copy = async () => {
    const done = await writeClipboard(value)
    setState(done ? 'copied' : 'failed')
    clearTimeout(timer.current)
    timer.current = setTimeout(() => setState('idle'), 2000)
    return done
  }
  return { state, copy }
}

async function writeClipboard(value: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(value)
    return true
  } catch {
    // No permission, or no clipboard outside of a secure context.
    return false
  }
}

export interface CopyButtonProps {
  value: string
  labels: CopyLabels
  /** After a refusal: the place to select the text for copying by hand. */
  onFailed?: (() => void) | undefined
  size?: 'sm' | 'md'
}

/** A button that copies; it keeps its width while its words change. */
export function CopyButton({ value, labels, onFailed, size = 'md' }: CopyButtonProps) {
  const { state, copy } = useCopy(value)
  const press = async () => {
    if (!(await copy())) onFailed?.()
  }
  return (
    <>
      <Button size={size} data-slot="copy-button" onClick={() => void press()}>
        {state === 'copied' ? <Check aria-hidden className="text-ok" /> : <Copy aria-hidden />}
        <span className="grid">
          <Word shown={state === 'idle'}>{labels.copy}</Word>
          <Word shown={state === 'copied'}>{labels.copied}</Word>
          <Word shown={state === 'failed'}>{labels.failed}</Word>
        </span>
      </Button>
      <span role="status" className="sr-only">
        {state === 'copied' ? labels.copied : state === 'failed' ? labels.failed : ''}
      </span>
    </>
  )
}

/* All words lie in one cell: the longest sets the width. */
function Word({ shown, children }: { shown: boolean; children: ReactNode }) {
  return <span className={cn('col-start-1 row-start-1', !shown && 'invisible')}>{children}</span>
}

export interface CopyFieldProps {
  label: ReactNode
  value: string
  hint?: ReactNode
  labels: CopyLabels
  className?: string | undefined
}

/** A value to take away: a key, an address, a piece of code on one line. */
export function CopyField({ label, value, hint, labels, className }: CopyFieldProps) {
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  return (
    <div data-slot="copy-field" className={cn('flex min-w-0 flex-col gap-1.5', className)}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <div className="flex gap-2">
        <input
          ref={input}
          id={id}
          readOnly
          value={value}
          aria-describedby={hint ? `${id}-hint` : undefined}
          onFocus={(event) => event.currentTarget.select()}
          className={cn(controlBox, 'bg-sunken h-9 px-3 pointer-coarse:h-11')}
        />
        <CopyButton value={value} labels={labels} onFailed={() => input.current?.select()} />
      </div>
      {hint ? (
        <span id={`${id}-hint`} className="text-ink-2 text-xs">
          {hint}
        </span>
      ) : null}
    </div>
  )
}
