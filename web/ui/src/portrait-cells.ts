/** A filled square of a portrait. */
export interface PortraitCell {
  x: number
  y: number
  /** A paler square. */
  pale: boolean
}

const SIDE = 5
const HALF = 3
const FILLED_MIN = 6
const FILLED_MAX = 12

/** The squares of an id's portrait: 5 × 5, mirrored, the same for the same id everywhere and for ever. */
export function portraitCells(id: string): PortraitCell[] {
  // Some seeds give a blank or a full square; the next salt gives a face. Sixteen are enough for any id.
  for (let salt = 0; salt < 16; salt++) {
    const half = halfCells(seedOf(id) + salt)
    if (half.length >= FILLED_MIN && half.length <= FILLED_MAX) return half.flatMap(mirrored)
  }
  return halfCells(seedOf(id)).flatMap(mirrored)
}

function seedOf(id: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193) >>> 0
  return hash
}

function halfCells(seed: number): PortraitCell[] {
  const cells: PortraitCell[] = []
  let state = seed >>> 0
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < HALF; x++) {
      state = mix(state)
      const roll = state % 100
      if (roll < 60) cells.push({ x, y, pale: roll < 18 })
    }
  }
  return cells
}

/* A step of splitmix32: neighbouring seeds must not give neighbouring faces. */
function mix(state: number): number {
  let next = (state + 0x9e3779b9) >>> 0
  next = Math.imul(next ^ (next >>> 16), 0x21f0aaad) >>> 0
  next = Math.imul(next ^ (next >>> 15), 0x735a2d97) >>> 0
  return (next ^ (next >>> 15)) >>> 0
}

function mirrored(cell: PortraitCell): PortraitCell[] {
  return cell.x === HALF - 1 ? [cell] : [cell, { ...cell, x: SIDE - 1 - cell.x }]
}
