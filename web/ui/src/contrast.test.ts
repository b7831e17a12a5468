// @vitest-environment node
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8')

type Oklch = [lightness: number, chroma: number, hue: number]
type Palette = Record<string, Oklch>

function palette(selector: string): Palette {
  const block = new RegExp(`^${selector.replace(/[[\]]/g, '\\$&')} \\{([^}]*)\\}`, 'm').exec(css)?.[1] ?? ''
  const colours: Palette = {}
  for (const [, name, l, c, h] of block.matchAll(/--([a-z0-9-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\);/g)) {
    if (name) colours[name] = [Number(l), Number(c), Number(h)]
  }
  return colours
}

/** Oklab to linear sRGB, by its author's matrices. */
function linearRgb([lightness, chroma, hue]: Oklch): [number, number, number] {
  const a = chroma * Math.cos((hue * Math.PI) / 180)
  const b = chroma * Math.sin((hue * Math.PI) / 180)
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
}

function luminance(colour: Oklch): number {
  const [r, g, b] = linearRgb(colour)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(one: Oklch, other: Oklch): number {
  const [high, low] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

const grounds = ['paper', 'surface', 'sunken']
const voices = ['ai', 'human', 'danger', 'ok', 'warn']
const softs = voices.map((voice) => `${voice}-soft`)

const text: [string, string][] = [
  ...['ink', 'ink-2'].flatMap((ink) =>
    [...grounds, ...softs].map((ground): [string, string] => [ink, ground]),
  ),
  ...voices.flatMap((voice) =>
    [...grounds, `${voice}-soft`].map((ground): [string, string] => [voice, ground]),
  ),
  ...['ai', 'human', 'danger'].flatMap((voice): [string, string][] => [
    [`${voice}-ink`, voice],
    [`${voice}-ink`, `${voice}-hover`],
  ]),
  ['paper', 'ink'],
]

/** Edges of controls and the focus ring: WCAG 1.4.11 asks for 3 : 1. */
const shapes = grounds.flatMap((ground): [string, string][] => [
  ['line-strong', ground],
  ['focus', ground],
])

describe.each([
  ['light', palette(':root')],
  ['dark', palette("[data-theme='dark']")],
])('%s theme', (_theme, colours) => {
  const named = (name: string): Oklch => {
    const colour = colours[name]
    if (!colour) throw new Error(`no token --${name}`)
    return colour
  }

  it.each(text)('text %s on %s has a contrast of 4.5', (ink, ground) => {
    expect(contrast(named(ink), named(ground))).toBeGreaterThanOrEqual(4.5)
  })

  it.each(shapes)('shape %s on %s has a contrast of 3', (shape, ground) => {
    expect(contrast(named(shape), named(ground))).toBeGreaterThanOrEqual(3)
  })

  it.each(Object.keys(colours))('--%s is a colour that sRGB has', (name) => {
    for (const channel of linearRgb(named(name))) {
      expect(channel).toBeGreaterThanOrEqual(-0.001)
      expect(channel).toBeLessThanOrEqual(1.001)
    }
  })
})
