import { ApiError, type Problem } from './problem'

/** One Server-Sent Event. */
export interface StreamEvent {
  readonly event: string
  /** The message as JSON; what it is follows from `event`. */
  readonly data: unknown
}

/**
 * Reads Server-Sent Events from the body of an answer, as calls with `parseAs: 'stream'` give it. An event `error`
 * is thrown as the `ApiError` it holds; a body that breaks off is a lost network.
 */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<StreamEvent, void> {
  for await (const block of blocks(body)) {
    const event = parse(block)
    if (!event) continue
    if (event.event === 'error') throw broken(event.data)
    yield event
  }
}

/** Events are divided by an empty line; the end of the body ends none. */
async function* blocks(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await next(reader)
      if (done) return
      rest += decoder.decode(value, { stream: true })
      const whole = rest.split(/\r?\n\r?\n/)
      rest = whole.pop() ?? ''
      yield* whole
    }
  } finally {
    // Whoever stops reading wants the server to stop, too.
    await reader.cancel().catch(() => undefined)
  }
}

async function next(reader: ReadableStreamDefaultReader<Uint8Array>) {
  try {
    return await reader.read()
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ApiError(0, 'NETWORK', 'the stream broke off')
  }
}

function parse(block: string): StreamEvent | undefined {
  let event = 'message'
  const data: string[] = []
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith('event:')) event = line.slice(6).trimStart()
    else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
  }
  if (data.length === 0) return undefined
  try {
    return { event, data: JSON.parse(data.join('\n')) as unknown }
  } catch {
    throw new ApiError(0, 'NOT_A_PROBLEM', 'the stream holds something that is no JSON')
  }
}

function broken(data: unknown): ApiError {
  if (typeof data === 'object' && data !== null && 'reason' in data && 'status' in data) {
    const problem = data as Problem
    return new ApiError(problem.status, problem.reason, problem.detail || problem.title, problem)
  }
  return new ApiError(0, 'NOT_A_PROBLEM', 'the stream ended with an error that says nothing')
}
