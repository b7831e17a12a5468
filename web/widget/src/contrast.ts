/** A colour as `#rrggbb`; anything else is not a brand colour. */
export function isColour(value: unknown): value is string {
  return typeof value === 'string' && /^#[0-9a-f]{6}$/i.test(value)
}

/** A colour's relative luminance, 0 to 1 (WCAG 2). */
export function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

/** The contrast of two colours, 1 to 21. */
export function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)]
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)
}

/**
 * Black or white, whichever reads better on a colour: always 4.5 : 1 or more. The luminance is only near the true one,
 * for every site loads this; a test holds the contrast against the true one.
 */
export function inkOn(ground: string): '#000000' | '#ffffff' {
  const part = (at: number) => (parseInt(ground.slice(at, at + 2), 16) / 255) ** 2.2
  return 0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5) > 0.18 ? '#000000' : '#ffffff'
}

/** The colour, moved towards black or white until it has a contrast of `least` on `ground`. */
export function readable(colour: string, ground: string, least: number): string {
  const goal = inkOn(ground)
  const channels = [1, 3, 5].map((at) => [
    parseInt(colour.slice(at, at + 2), 16),
    parseInt(goal.slice(at, at + 2), 16),
  ])
  for (let step = 0; step <= 20; step += 1) {
    const mixed = channels.map(([from = 0, to = 0]) => Math.round(from + ((to - from) * step) / 20))
    const shown = step === 0 ? colour : `#${mixed.map((part) => part.toString(16).padStart(2, '0')).join('')}`
    if (contrast(shown, ground) >= least) return shown
  }
  return goal
}
