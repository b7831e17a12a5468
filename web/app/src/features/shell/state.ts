import { create } from 'zustand'

/** The windows that lie over every screen. */
export const useShell = create<{ open: 'palette' | 'help' | null }>(() => ({ open: null }))

export const openWindow = (open: 'palette' | 'help' | null) => useShell.setState({ open })
