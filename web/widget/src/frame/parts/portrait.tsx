/** @jsxImportSource preact */
import { portraitCells } from '@neipix/ui/rules'
import { useMemo } from 'preact/hooks'

/** The face of who answers: made of an id, so it stays when the name changes. */
export function Portrait({ id, voice }: { readonly id: string; readonly voice: 'ai' | 'human' }) {
  const cells = useMemo(() => portraitCells(id), [id])
  return (
    <svg class={`portrait ${voice}`} viewBox="-1 -1 7 7" shape-rendering="crispEdges" aria-hidden="true">
      {cells.map(({ x, y, pale }) => (
        <rect x={x} y={y} width="1" height="1" fill="currentColor" opacity={pale ? 0.45 : 1} />
      ))}
    </svg>
  )
}
