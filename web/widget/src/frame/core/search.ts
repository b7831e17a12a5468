import type { Challenge } from './proof'
import { sha256 } from './sha256'

const encoder = new TextEncoder()

/** Whether the hash of `<challenge>.<n>` begins with enough zero bits. */
export function proves({ text, bits }: Challenge, n: number): boolean {
  const hash = sha256(encoder.encode(`${text}.${n}`))
  const head = ((hash[0]! << 24) | (hash[1]! << 16) | (hash[2]! << 8) | hash[3]!) >>> 0
  return head >>> (32 - bits) === 0
}

/** The first answer from `from` on, within `count` tries. */
export function search(challenge: Challenge, from: number, count: number): number | undefined {
  for (let n = from; n < from + count; n += 1) if (proves(challenge, n)) return n
  return undefined
}

const SLICE = 500

/** Solves on the page's own thread, in slices so short that typing does not stutter. */
export async function solveHere(challenge: Challenge): Promise<number> {
  for (let from = 0; ; from += SLICE) {
    const n = search(challenge, from, SLICE)
    if (n !== undefined) return n
    await new Promise((next) => setTimeout(next))
  }
}
