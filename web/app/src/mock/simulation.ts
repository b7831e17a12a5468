import type { Schemas } from '@neipix/api'
import { HttpResponse, delay } from 'msw'
import { http, onVerb, problem } from './http'
import { newId } from './studio'
import { world } from './world'

type SimulatedTurn = Schemas['SimulatedTurn']

interface Simulation {
  turns: Map<string, SimulatedTurn[]>
  left: bigint
  /** Milliseconds between words. */
  pause: number
}

const ASSISTANT = /\/assistants\/([^/:]+)/
const DAILY = 20_000_000n
const simulations = new WeakMap<object, Simulation>()

/** The test dialogues of the present world. */
export function simulation(): Simulation {
  const known = simulations.get(world.assistants)
  if (known) return known
  const fresh = { turns: new Map<string, SimulatedTurn[]>(), left: DAILY, pause: 0 }
  simulations.set(world.assistants, fresh)
  return fresh
}

const ANSWER =
  'Доставка по городу стоит **300 ₽**, а при заказе от 5 000 ₽ мы привезём бесплатно [1]. По области возим по вторникам и пятницам за 500 ₽ [2].\n\nПодсказать, когда ближайшая доставка?'

const citation = (n: number, quote: string): Schemas['Citation'] => ({
  n,
  passageId: `p${n}`,
  fileId: 'f1',
  title: 'Доставка и возврат.docx',
  page: n,
  start: 0,
  end: quote.length,
  quote,
})

const usage = {
  inputTokens: '1180',
  cachedInputTokens: '0',
  cacheWriteTokens: '0',
  outputTokens: '96',
  estimated: false,
}
const allowance = () => ({ dailyMicroPix: String(DAILY), leftMicroPix: String(simulation().left) })
const dialogueOf = (assistantId: string) => {
  const { turns } = simulation()
  if (!turns.has(assistantId)) turns.set(assistantId, [])
  return turns.get(assistantId)!
}

function newTurn(number: number, version: number, question: string): SimulatedTurn {
  return {
    id: newId(),
    number,
    version,
    state: 'SIMULATED_TURN_STATE_RUNNING',
    reason: 'SILENCE_REASON_UNSPECIFIED',
    reasonRu: '',
    reasonEn: '',
    question,
    answer: '',
    fixedReply: false,
    citations: [],
    costMicroPix: '0',
    allowanceMicroPix: '0',
    createTime: new Date().toISOString(),
  }
}

function end(turn: SimulatedTurn): void {
  simulation().left -= 310_000n
  Object.assign(turn, {
    state: 'SIMULATED_TURN_STATE_ANSWERED',
    answer: ANSWER,
    citations: [
      citation(1, 'Доставка по городу стоит 300 ₽, от 5 000 ₽ бесплатно.'),
      citation(2, 'По области возим по вторникам и пятницам, 500 ₽ независимо от веса.'),
    ],
    usage,
    costMicroPix: '310000',
    allowanceMicroPix: '310000',
    endTime: new Date().toISOString(),
  })
}

/** What of an answer is read aloud by the mock: as few as the server's explanation can be. */
export function explanation(turn: SimulatedTurn, assistantId: string): Schemas['Explanation'] {
  return {
    turnId: turn.id,
    conversationId: '',
    assistantId,
    version: turn.version,
    reason: turn.reason,
    reasonRu: turn.reasonRu,
    reasonEn: turn.reasonEn,
    gate: [],
    passages: [],
    attempts: [],
    usage,
    costMicroPix: turn.costMicroPix,
    allowanceMicroPix: turn.allowanceMicroPix,
    heldMicroPix: '900000',
    promptHash: '',
    inputTokensMax: 4000,
    outputTokensMax: 700,
    finish: 'FINISH_KIND_COMPLETE',
    handoff: '',
    recorded: true,
  }
}

const encoder = new TextEncoder()
const frame = (event: string, data: unknown) =>
  encoder.encode(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)

async function* frames(assistantId: string, turn: SimulatedTurn): AsyncGenerator<Uint8Array> {
  yield frame('accepted', turn)
  let offset = 0
  for (const text of ANSWER.match(/\S+\s*/g) ?? []) {
    if (simulation().pause > 0) await delay(simulation().pause)
    yield frame('delta', { offset: String(offset), text })
    offset += encoder.encode(text).length
  }
  end(turn)
  yield frame('finished', { turn, explanation: explanation(turn, assistantId), allowance: allowance() })
}

function streamOf(source: AsyncGenerator<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await source.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

/** The test dialogue. */
export const simulationHandlers = [
  http.get('/api/v1/assistants/{assistantId}/simulation/turns', ({ params, response }) => {
    if (!world.me.permissions.includes('assistants.write'))
      return response.untyped(problem(403, 'PERMISSION_DENIED'))
    const turns = dialogueOf(String(params.assistantId))
    return response(200).json({ turns, turnsMax: 20, allowance: allowance() })
  }),
  http.get('/api/v1/assistants/{assistantId}/simulation/turns/{id}/explanation', ({ params, response }) => {
    const turn = dialogueOf(String(params.assistantId)).find(({ id }) => id === params.id)
    if (!turn) return response.untyped(problem(404, 'NOT_FOUND'))
    return response(200).json(explanation(turn, String(params.assistantId)))
  }),
  onVerb(ASSISTANT, 'resetSimulation', ([id = '']) => {
    dialogueOf(id).length = 0
    return {}
  }),
  onVerb(ASSISTANT, 'simulate', ([id = ''], body) => {
    const { text, version = 0 } = body as { text: string; version?: number }
    const dialogue = dialogueOf(id)
    if (dialogue.some(({ state }) => state === 'SIMULATED_TURN_STATE_RUNNING'))
      return problem(409, 'SIMULATION_BUSY')
    const turn = newTurn(dialogue.length + 1, version, text)
    dialogue.push(turn)
    return new HttpResponse(streamOf(frames(id, turn)), { headers: { 'content-type': 'text/event-stream' } })
  }),
]
