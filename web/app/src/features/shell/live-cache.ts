import { useQueryClient, type QueryKey } from '@tanstack/react-query'
import { useEffect } from 'react'
import { live } from '@app/shared/live'
import { waitingQuery } from '@app/shared/waiting'

/** News come in bursts; what they touch is read again at most so often, in milliseconds. */
const GATHER = 400

const WALLET: QueryKey[] = [
  ['get', '/api/v1/billing/wallet'],
  ['get', '/api/v1/billing/statement'],
]
const ASSISTANTS: QueryKey[] = [['get', '/api/v1/assistants']]

/** What an event makes old, of what every screen shares. Features listen for their own. */
export function touchedBy(kind: string): readonly QueryKey[] {
  if (kind === 'wallet.changed') return WALLET
  if (kind.startsWith('assistant.')) return ASSISTANTS
  if (kind.startsWith('conversation.') || kind === 'handler.changed') return [waitingQuery().queryKey]
  return []
}

/** Holds the live connection and keeps shared data fresh by what it tells. */
export function useLiveCache(): void {
  const queries = useQueryClient()
  useEffect(() => {
    const old = new Map<string, QueryKey>()
    let timer: ReturnType<typeof setTimeout> | undefined
    const flush = () => {
      timer = undefined
      for (const queryKey of old.values()) void queries.invalidateQueries({ queryKey })
      old.clear()
    }
    const endEvents = live.onEvent(({ kind }) => {
      for (const key of touchedBy(kind)) old.set(JSON.stringify(key), key)
      if (old.size > 0) timer ??= setTimeout(flush, GATHER)
    })
    // What is being read right now is as new as the connection.
    const endResyncs = live.onResync(
      () => void queries.invalidateQueries({ predicate: ({ state }) => state.fetchStatus === 'idle' }),
    )
    const release = live.hold()
    return () => {
      release()
      endEvents()
      endResyncs()
      clearTimeout(timer)
    }
  }, [queries])
}
