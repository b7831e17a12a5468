import type { PaletteCommand, PaletteGroup } from '@neipix/ui'
import { useEffect, useId } from 'react'
import { create } from 'zustand'

/** Keys and what they do, for the help window. */
export interface ShortcutGroup {
  heading: string
  shortcuts: readonly { keys: readonly string[]; label: string }[]
}

interface Offers {
  commands: ReadonlyMap<string, PaletteGroup>
  shortcuts: ReadonlyMap<string, ShortcutGroup>
}

/** What the open screens offer to the palette and to the help window. */
export const useOffers = create<Offers>(() => ({ commands: new Map(), shortcuts: new Map() }))

/** Puts a screen's commands into the palette while it is open. Keep the list stable: in a memo. */
export function useCommands(heading: string, commands: readonly PaletteCommand[]): void {
  const id = useId()
  useEffect(() => {
    useOffers.setState(({ commands: all }) => ({
      commands: new Map(all).set(id, { id, heading, commands }),
    }))
    return () =>
      useOffers.setState(({ commands: all }) => {
        const rest = new Map(all)
        rest.delete(id)
        return { commands: rest }
      })
  }, [id, heading, commands])
}

/** Tells the help window of a screen's keys while it is open. Keep the group stable: in a memo. */
export function useShortcuts(group: ShortcutGroup): void {
  const id = useId()
  useEffect(() => {
    useOffers.setState(({ shortcuts: all }) => ({ shortcuts: new Map(all).set(id, group) }))
    return () =>
      useOffers.setState(({ shortcuts: all }) => {
        const rest = new Map(all)
        rest.delete(id)
        return { shortcuts: rest }
      })
  }, [id, group])
}

/** Whether a key without modifiers belongs to what has the focus: single-letter shortcuts leave it alone then. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.closest('input, textarea, select, [role="textbox"]') !== null)
  )
}
