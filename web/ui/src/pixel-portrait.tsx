import { useMemo } from 'react'
import { cn } from './cn'
import { portraitCells, type PortraitCell } from './portrait-cells'

export { portraitCells, type PortraitCell }

export interface PixelPortraitProps {
  /** Id of the assistant or person, not the name: names change. */
  id: string
  /** `ai` for assistants, `human` for people. */
  tone?: 'ai' | 'human'
  /** Side in pixels. */
  size?: number
  /** Words where the portrait stands alone; beside a name leave it out. */
  label?: string | undefined
  className?: string | undefined
}

/** The face of an assistant or a person. */
export function PixelPortrait({ id, tone = 'ai', size = 36, label, className }: PixelPortraitProps) {
  const cells = useMemo(() => portraitCells(id), [id])
  const name = label ? ({ role: 'img', 'aria-label': label } as const) : ({ 'aria-hidden': true } as const)
  return (
    <svg
      data-slot="pixel-portrait"
      {...name}
      width={size}
      height={size}
      viewBox="-1 -1 7 7"
      shapeRendering="crispEdges"
      className={cn(
        'shrink-0 rounded-md',
        tone === 'ai' ? 'bg-ai-soft text-ai' : 'bg-human-soft text-human',
        className,
      )}
    >
      {cells.map(({ x, y, pale }) => (
        <rect
          key={`${x}-${y}`}
          x={x}
          y={y}
          width={1}
          height={1}
          fill="currentColor"
          opacity={pale ? 0.45 : 1}
        />
      ))}
    </svg>
  )
}
