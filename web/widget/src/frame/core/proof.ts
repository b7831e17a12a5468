/** What the server asks for before it takes more from this address. */
export interface Challenge {
  readonly text: string
  /** How many zero bits the hash begins with, 1 to 20. */
  readonly bits: number
}

/** The hardest one that we work on: more would keep a phone busy for minutes, and no server of ours asks for it. */
export const BITS_MOST = 20

/** Reads `npx1.<bits>.<expiry>.<salt>`; `undefined` for another kind, or one that asks for too much. */
export function readChallenge(text: unknown): Challenge | undefined {
  const found = typeof text === 'string' && text.length <= 200 ? /^npx1\.(\d{1,2})\.\d+\./.exec(text) : null
  const bits = Number(found?.[1])
  return found && bits >= 1 && bits <= BITS_MOST ? { text: text as string, bits } : undefined
}

/** Solves in a worker; here, where the browser or the page's policy gives us none. */
export async function solve(challenge: Challenge, work: () => Worker): Promise<number> {
  try {
    return await inWorker(challenge, work())
  } catch {
    // Seldom needed, so fetched only then.
    return (await import('./search')).solveHere(challenge)
  }
}

function inWorker(challenge: Challenge, worker: Worker): Promise<number> {
  return new Promise<number>((done, failed) => {
    worker.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (Number.isSafeInteger(data)) done(data as number)
      else failed(new Error('no answer'))
    }
    worker.onerror = () => failed(new Error('no worker'))
    worker.postMessage(challenge)
  }).finally(() => worker.terminate())
}
