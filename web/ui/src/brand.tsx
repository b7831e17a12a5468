import { cn } from './cn'

/* An «n» of pixels: the arch and one leg are the AI's, the other leg is a person's. */
const pine: [x: number, y: number][] = [
  [1, 0],
  [2, 0],
  [3, 0],
  [0, 1],
  [0, 2],
  [0, 3],
  [0, 4],
]
const ochre: [x: number, y: number][] = [
  [4, 1],
  [4, 2],
  [4, 3],
  [4, 4],
]

export interface SignProps {
  /** Side in pixels; multiples of seven are the sharpest. */
  size?: number
  className?: string | undefined
}

/** The sign of Neipix. It is a picture beside the name, so it has none of its own. */
export function Sign({ size = 28, className }: SignProps) {
  return (
    <svg
      data-slot="sign"
      aria-hidden
      width={size}
      height={size}
      viewBox="-1 -1 7 7"
      shapeRendering="crispEdges"
      className={cn('bg-ai-soft shrink-0 rounded-md', className)}
    >
      <g className="fill-ai">
        {pine.map(([x, y]) => (
          <rect key={`${x}-${y}`} x={x} y={y} width={1} height={1} />
        ))}
      </g>
      <g className="fill-human">
        {ochre.map(([x, y]) => (
          <rect key={`${x}-${y}`} x={x} y={y} width={1} height={1} />
        ))}
      </g>
    </svg>
  )
}

/** The name as a mark: small letters, with the sign before it. */
export function Wordmark({ className }: { className?: string | undefined }) {
  return (
    <span data-slot="wordmark" className={cn('text-ink inline-flex items-center gap-2', className)}>
      <Sign />
      <span className="text-lg font-semibold tracking-[-0.02em]">neipix</span>
    </span>
  )
}
