import { readEvents, type Schemas } from '@neipix/api'
import { queryOptions, useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { api } from '@app/shared/api'
import { createAsker, type Asker, type SimulatedTurn } from './asking'

/** How often a turn that another page, or nobody, reads is looked at, in ms. */
const LOOK_EVERY = 1500

/** Whether the server still writes. */
export const isRunning = (turn: SimulatedTurn) => turn.state === 'SIMULATED_TURN_STATE_RUNNING'

const TURNS = '/api/v1/assistants/{assistantId}/simulation/turns' as const

/** My test dialogue with this assistant. */
export const simulationQuery = (assistantId: string) =>
  queryOptions({
    ...api.query.queryOptions('get', TURNS, { params: { path: { assistantId } } }),
    refetchInterval: ({ state }) => (state.data?.turns.some(isRunning) ? LOOK_EVERY : false),
  })

/** Why a turn was answered that way; it does not change once the turn is over. */
export const explanationQuery = (assistantId: string, id: string) =>
  queryOptions({
    ...api.query.queryOptions('get', '/api/v1/assistants/{assistantId}/simulation/turns/{id}/explanation', {
      params: { path: { assistantId, id } },
    }),
    staleTime: Infinity,
  })

type Listing = Schemas['ListSimulatedTurnsResponse']

function withTurn(listing: Listing, turn: SimulatedTurn): Listing {
  const others = listing.turns.filter(({ id }) => id !== turn.id)
  return { ...listing, turns: [...others, turn].sort((a, b) => a.number - b.number) }
}

const askers = new WeakMap<QueryClient, Asker>()

/** The questions of this page; one reader, so that an answer is read to its end while another screen is open. */
export function askerOf(queries: QueryClient): Asker {
  const known = askers.get(queries)
  if (known) return known
  const keyOf = (assistantId: string) => simulationQuery(assistantId).queryKey
  const asker = createAsker({
    async open(id, body, signal) {
      const { data } = await api.http.POST('/api/v1/assistants/{id}:simulate', {
        params: { path: { id } },
        body,
        parseAs: 'stream',
        signal,
      })
      return readEvents(data as unknown as ReadableStream<Uint8Array>)
    },
    finished(assistantId, { turn, explanation, allowance }) {
      if (!turn) return
      if (explanation) queries.setQueryData(explanationQuery(assistantId, turn.id).queryKey, explanation)
      queries.setQueryData(keyOf(assistantId), (listing) =>
        listing ? { ...withTurn(listing, turn), ...(allowance ? { allowance } : {}) } : listing,
      )
    },
    reread: (assistantId) => queries.invalidateQueries({ queryKey: keyOf(assistantId) }),
  })
  askers.set(queries, asker)
  return asker
}

/** Begins the test dialogue anew; the question shows what fails. */
export function useReset(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async () => {
      await api.http.POST('/api/v1/assistants/{id}:resetSimulation', {
        params: { path: { id: assistantId } },
        body: {},
      })
    },
    onSuccess: () => {
      askerOf(queries).forget(assistantId)
      queries.setQueryData(simulationQuery(assistantId).queryKey, (listing) =>
        listing ? { ...listing, turns: [] } : listing,
      )
    },
  })
}
