import { useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { live } from '@app/shared/live'
import { assistantQuery } from './queries'

/** Reads the assistant anew when somebody else changed it. */
export function useLiveAssistant(id: string): void {
  const queries = useQueryClient()
  useEffect(() => {
    const { queryKey } = assistantQuery(id)
    const reload = () => void queries.invalidateQueries({ queryKey })
    const stop = live.onEvent(({ kind, data }) => {
      if (kind.startsWith('assistant.') && data?.assistant?.assistantId === id) reload()
    })
    const stopResync = live.onResync(reload)
    return () => {
      stop()
      stopResync()
    }
  }, [queries, id])
}
