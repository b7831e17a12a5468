import { isFind } from '@neipix/shell'
import { useEffect } from 'react'
import { create } from 'zustand'

/** Whether the palette is open. */
export const usePalette = create<{ open: boolean }>(() => ({ open: false }))

export const openPalette = () => usePalette.setState({ open: true })

/** ⌘K opens the palette. */
export function useFindKey(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (!isFind(event)) return
      event.preventDefault()
      openPalette()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}
