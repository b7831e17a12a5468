import { create } from 'zustand'
import { createJSONStorage, persist } from 'zustand/middleware'

interface Pending {
  /** The registration whose code is awaited. */
  waiting: { registrationId: string; email: string } | null
  /** When the last letter went out, in milliseconds since 1970. */
  sentAt: number
}

/** Survives a reload of this tab: the person looks into their mail and comes back. */
export const usePending = create<Pending>()(
  persist((): Pending => ({ waiting: null, sentAt: 0 }), {
    name: 'npx:registration',
    version: 1,
    storage: createJSONStorage(() => window.sessionStorage),
  }),
)

/** A letter with a code has gone out to this address. */
export function awaitCode(registrationId: string, email: string): void {
  usePending.setState({ waiting: { registrationId, email }, sentAt: Date.now() })
}
