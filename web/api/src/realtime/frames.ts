import type { components } from '../schema.gen'

/** An event's object as it is now; empty where the reader may not see it, or it is gone. */
export type EventData = components['schemas']['EventData']

/** What the server says. */
export type ServerFrame =
  | { t: 'event'; seq: number; kind: string; data: EventData | null }
  | { t: 'partial'; turn: string; conversation: string; text: string; offset: number }
  | { t: 'delta'; turn: string; conversation: string; text: string; offset: number }
  | { t: 'typing'; conversation: string; author: string; member: string }
  | { t: 'reset'; seq: number }
  | { t: 'hb' }
  | { t: 'result'; id: string; status: number; body: unknown }
  | { t: 'error'; reason: string; detail: string; id?: string }

/** What we say. */
export type ClientFrame =
  | { t: 'resume'; after?: number }
  | { t: 'watch'; conversation: string }
  | { t: 'typing'; conversation: string }
  | { t: 'hb' }

/** Reads a frame; `undefined` for kinds of a newer server, which are no reason to stop. */
export function readFrame(text: string): ServerFrame | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || !('t' in value)) return undefined
  const frame = value as Record<string, unknown> & { t: unknown }
  switch (frame.t) {
    case 'event':
      return Number.isSafeInteger(frame['seq']) && typeof frame['kind'] === 'string'
        ? (frame as ServerFrame)
        : undefined
    case 'reset':
      return Number.isSafeInteger(frame['seq']) ? (frame as ServerFrame) : undefined
    case 'partial':
    case 'delta':
      return typeof frame['turn'] === 'string' &&
        typeof frame['text'] === 'string' &&
        Number.isSafeInteger(frame['offset'])
        ? (frame as ServerFrame)
        : undefined
    case 'typing':
    case 'hb':
    case 'result':
    case 'error':
      return frame as ServerFrame
    default:
      return undefined
  }
}
