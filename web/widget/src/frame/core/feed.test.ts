// @vitest-environment node
import { ApiError } from '@neipix/api/sending'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Feed, type Link } from './feed'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

type Line = ReadableStreamDefaultController<Uint8Array>

/** A server whose streams the test holds in its hands. */
function scene({ whole = true } = {}) {
  const heard: string[] = []
  const links: Link[] = []
  const lines: Line[] = []
  const next: (ApiError | Response)[] = []
  const opened: number[] = []
  const feed = new Feed({
    open: (signal) => {
      opened.push(Date.now())
      const answer = next.shift()
      if (answer instanceof ApiError) return Promise.reject(answer)
      if (answer) return Promise.resolve(answer)
      const body = new ReadableStream<Uint8Array>({
        start(line) {
          lines.push(line)
          signal.addEventListener('abort', () => {
            try {
              line.error(new Error('aborted'))
            } catch {
              // It had ended before.
            }
          })
        },
      })
      return Promise.resolve(new Response(body, { headers: { 'content-type': 'text/event-stream' } }))
    },
    onEvent: (_event, data) => {
      heard.push(data)
      return whole
    },
    onLink: (link) => links.push(link),
    random: () => 0.5,
  })
  const write = (text: string) => lines.at(-1)!.enqueue(new TextEncoder().encode(text))
  return { feed, heard, links, lines, next, opened, write }
}

const settle = (ms = 0) => vi.advanceTimersByTimeAsync(ms)

test('events are told in order, wherever the pieces are cut, also inside a letter', async () => {
  const { feed, heard, lines, links } = scene()
  feed.start()
  await settle()
  const bytes = new TextEncoder().encode('data: при\n\ndata: вет\n\n')
  for (let i = 0; i < bytes.length; i += 3) lines[0]!.enqueue(bytes.slice(i, i + 3))
  await settle()
  expect(heard).toEqual(['при', 'вет'])
  expect(links).toEqual(['connecting', 'live'])
  feed.stop()
})

test('a stream that ends is opened again by back-off with full jitter, from 0.5 s up to 30 s', async () => {
  const { feed, next, opened } = scene()
  const lost = () => new ApiError(0, 'NETWORK', 'cut')
  next.push(...Array.from({ length: 10 }, lost))
  feed.start()
  await settle(200_000)
  const waits = opened.slice(1, 10).map((at, i) => at - opened[i]!)
  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000])
  feed.stop()
})

test('a life of 30 s forgets the failures before it', async () => {
  const { feed, next, opened, lines, write } = scene()
  next.push(...Array.from({ length: 5 }, () => new ApiError(0, 'NETWORK', 'cut')))
  feed.start()
  await settle(8000)
  expect(lines).toHaveLength(1)
  await settle(31_000)
  write(': hb\n\n')
  await settle()
  lines[0]!.close()
  const ended = Date.now()
  await settle(600)
  expect(opened.at(-1)! - ended).toBe(250)
  feed.stop()
})

test('Retry-After is the least wait, and a return of the network ends any wait', async () => {
  const { feed, next, opened } = scene()
  next.push(
    new ApiError(503, 'UNAVAILABLE', 'later', undefined, 10),
    new ApiError(503, 'UNAVAILABLE', 'later', undefined, 10),
  )
  feed.start()
  await settle(10_000)
  expect(opened).toHaveLength(2)
  await settle(1000)
  feed.hurry()
  await settle()
  expect(opened).toHaveLength(3)
  feed.stop()
})

test('a stream that is silent for 60 s is given up; a heartbeat keeps it', async () => {
  const { feed, write, opened } = scene()
  feed.start()
  for (let i = 0; i < 5; i += 1) {
    await settle(40_000)
    write(': hb\n\n')
    await settle()
  }
  expect(opened).toHaveLength(1)
  await settle(61_000)
  expect(opened).toHaveLength(2)
  feed.stop()
})

test('a refusal that stays stops it and says why; an ended token does not', async () => {
  const { feed, next, links, opened } = scene()
  next.push(new ApiError(401, 'TOKEN_EXPIRED', 'old'), new ApiError(403, 'ORIGIN_FORBIDDEN', 'no'))
  feed.start()
  await settle(60_000)
  expect(opened).toHaveLength(2)
  expect(links.at(-1)).toBe('stopped')
})

test('a page of a proxy in place of a stream is waited out', async () => {
  const { feed, next, lines } = scene()
  next.push(new Response('<html>', { headers: { 'content-type': 'text/html' } }))
  feed.start()
  await settle(1000)
  expect(lines).toHaveLength(1)
  feed.stop()
})

test('nothing is heard after `error`, and nothing of an old life after a restart', async () => {
  const { feed, heard, write, lines } = scene()
  feed.start()
  await settle()
  write('data: 1\n\nevent: error\ndata: {"status":503,"reason":"UNAVAILABLE"}\n\ndata: 2\n\n')
  await settle(1000)
  expect(heard).toEqual(['1'])
  expect(lines).toHaveLength(2)
  feed.restart()
  await settle()
  expect(lines).toHaveLength(3)
  expect(() => lines[1]!.enqueue(new Uint8Array())).toThrow()
  feed.stop()
})

test('a hole in the events opens the stream again, by back-off', async () => {
  const { feed, opened, write } = scene({ whole: false })
  feed.start()
  await settle()
  write('data: hole\n\n')
  await settle(249)
  expect(opened).toHaveLength(1)
  await settle(1)
  expect(opened).toHaveLength(2)
  feed.stop()
})
