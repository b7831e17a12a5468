import { useSyncExternalStore } from 'react'

const TICK_MS = 30_000

let current = Date.now()
let timer: ReturnType<typeof setInterval> | undefined
const listeners = new Set<() => void>()

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  if (!timer) {
    current = Date.now()
    timer = setInterval(tick, TICK_MS)
  }
  return () => {
    listeners.delete(listener)
    if (listeners.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
}

function tick() {
  current = Date.now()
  for (const listener of listeners) listener()
}

/** The time in ms, renewed every half minute by one timer for the whole page. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => current)
}
