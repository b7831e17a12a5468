import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readEvents, type StreamEvent } from './sse'

const bytes = new TextEncoder()

/** A body that arrives in these pieces. */
function body(pieces: Uint8Array[], end: 'close' | 'break' = 'close'): ReadableStream<Uint8Array> {
  const left = [...pieces]
  return new ReadableStream({
    pull(controller) {
      const piece = left.shift()
      if (piece) controller.enqueue(piece)
      else if (end === 'close') controller.close()
      else controller.error(new TypeError('network error'))
    },
  })
}

async function all(stream: ReadableStream<Uint8Array>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of readEvents(stream)) events.push(event)
  return events
}

test('however the bytes are cut, the events are the same', async () => {
  const wire = ': ping\n\nevent: delta\ndata: {"text":"Привет, 🙂"}\n\nid: 4\nevent: finished\ndata: {"n":1}\n\n'
  const whole = bytes.encode(wire)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(whole.length), { maxLength: 12 }), async (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), whole.length]
      const pieces = at.slice(1).map((to, n) => whole.subarray(at[n], to))
      expect(await all(body(pieces))).toEqual([
        { event: 'delta', data: { text: 'Привет, 🙂' } },
        { event: 'finished', data: { n: 1 } },
      ])
    }),
  )
})

test('an event that the server did not finish is not told', async () => {
  expect(await all(body([bytes.encode('event: delta\ndata: {"text":"да"}')]))).toEqual([])
})

test('the error at the end of a stream is thrown with its reason', async () => {
  const problem = { type: 't', title: 'Busy', status: 503, detail: 'later', reason: 'UNAVAILABLE', trace_id: 'x' }
  const wire = bytes.encode(`event: error\ndata: ${JSON.stringify(problem)}\n\n`)
  await expect(all(body([wire]))).rejects.toMatchObject({ reason: 'UNAVAILABLE', status: 503, passing: true })
})

test('a stream that breaks off is a lost network', async () => {
  const wire = bytes.encode('event: delta\ndata: {"text":"да"}\n\n')
  await expect(all(body([wire], 'break'))).rejects.toMatchObject({ reason: 'NETWORK', passing: true })
})

test('who stops reading stops the server', async () => {
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(bytes.encode('event: delta\ndata: {}\n\n')),
    cancel() {
      cancelled = true
    },
  })
  for await (const event of readEvents(stream)) {
    expect(event.event).toBe('delta')
    break
  }
  expect(cancelled).toBe(true)
})
