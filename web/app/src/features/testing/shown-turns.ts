import type { Schemas } from '@neipix/api'
import type { Asking, SimulatedTurn } from './asking'

/** A turn as the dialogue shows it: the server's, or one that this page is reading. */
export interface ShownTurn {
  readonly key: string
  readonly id: string | undefined
  readonly version: number
  readonly question: string
  readonly askedAt: string
  readonly answer: string
  readonly state: 'running' | 'answered' | 'silent' | 'failed' | 'stopped' | 'broken'
  readonly citations: readonly Schemas['Citation'][]
  /** The server's turn, once it is over. */
  readonly ended: SimulatedTurn | undefined
  readonly asking: Asking | undefined
}

const STATES: Record<SimulatedTurn['state'], ShownTurn['state']> = {
  SIMULATED_TURN_STATE_UNSPECIFIED: 'failed',
  SIMULATED_TURN_STATE_RUNNING: 'running',
  SIMULATED_TURN_STATE_ANSWERED: 'answered',
  SIMULATED_TURN_STATE_SILENT: 'silent',
  SIMULATED_TURN_STATE_FAILED: 'failed',
}

function ofServer(turn: SimulatedTurn): ShownTurn {
  const state = STATES[turn.state]
  return {
    // The question that this page asked keeps its place when the server's list takes over.
    key: turn.id,
    id: turn.id,
    version: turn.version,
    question: turn.question,
    askedAt: turn.createTime ?? '',
    answer: turn.answer,
    state,
    citations: turn.citations,
    ended: state === 'running' ? undefined : turn,
    asking: undefined,
  }
}

function ofPage(asking: Asking): ShownTurn {
  return {
    key: asking.turn?.id ?? asking.requestId,
    id: asking.turn?.id,
    version: asking.version,
    question: asking.question,
    askedAt: asking.turn?.createTime ?? asking.askedAt,
    answer: asking.text.text,
    state: asking.state,
    citations: [],
    ended: undefined,
    asking,
  }
}

/** The dialogue: what the server lists, and at its end what this page is reading. */
export function shownTurns(turns: readonly SimulatedTurn[], asking: Asking | undefined): ShownTurn[] {
  const over = asking?.turn && turns.find(({ id, state }) => id === asking.turn?.id && !running(state))
  // The server's end of a turn is worth more than what this page has of it.
  if (!asking || over) return turns.map(ofServer)
  return [...turns.filter(({ id }) => id !== asking.turn?.id).map(ofServer), ofPage(asking)]
}

function running(state: SimulatedTurn['state']): boolean {
  return state === 'SIMULATED_TURN_STATE_RUNNING'
}

/** Tokens of all kinds. */
export function tokensOf(usage: Schemas['Usage'] | undefined): number {
  if (!usage) return 0
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens } = usage
  return [inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens].reduce(
    (sum, n) => sum + Number(n),
    0,
  )
}
