/** How the main modifier is written on this machine. */
export const MOD = /Mac|iPhone|iPad/.test(navigator.platform) ? '⌘' : 'Ctrl'

/** Whether this key opens the palette: ⌘K, by its place; with Russian letters the same key gives «л». */
export function isFind(event: KeyboardEvent): boolean {
  return event.code === 'KeyK' && (event.metaKey || event.ctrlKey) && !event.altKey && !event.shiftKey
}
