import type { Locale } from '@neipix/ui'
import { create } from 'zustand'
import { persist } from 'zustand/middleware'

export type Theme = 'light' | 'dark' | 'system'

interface Preferences {
  theme: Theme
  language: Locale
  setTheme: (theme: Theme) => void
  setLanguage: (language: Locale) => void
}

/** What this browser remembers of looks. `public/first-paint.js` reads it before the first paint. */
export const usePreferences = create<Preferences>()(
  persist(
    (set) => ({
      theme: 'system',
      language: 'ru',
      setTheme: (theme) => set({ theme }),
      setLanguage: (language) => set({ language }),
    }),
    {
      name: 'npx:preferences',
      version: 1,
      partialize: ({ theme, language }) => ({ theme, language }),
    },
  ),
)
