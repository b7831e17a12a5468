// @vitest-environment node
import fc from 'fast-check'
import { webcrypto } from 'node:crypto'
import { expect, test } from 'vitest'
import { readChallenge, solve } from './proof'
import { proves, search, solveHere } from './search'
import { sha256 } from './sha256'

const VECTOR = 'npx1.16.1764000120.c2FsdC0x'
const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')

test('the vector of the specification: n = 4551', async () => {
  const challenge = readChallenge(VECTOR)!
  expect(challenge).toEqual({ text: VECTOR, bits: 16 })
  expect(search(challenge, 0, 10_000)).toBe(4551)
  expect(proves(challenge, 4551)).toBe(true)
  expect(proves(challenge, 4550)).toBe(false)
  expect(hex(sha256(new TextEncoder().encode(`${VECTOR}.4551`)))).toMatch(/^0000c7051b5e9f41/)
  expect(await solveHere(challenge)).toBe(4551)
})

test('the hash is the one that the browser has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      const known = new Uint8Array(await webcrypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
      expect(hex(sha256(bytes))).toBe(hex(known))
    }),
  )
})

test('what is no challenge, or too hard, is not worked on', () => {
  for (const wrong of [
    '',
    'npx2.16.1.a',
    'npx1.21.1.a',
    'npx1.0.1.a',
    'npx1.16.1',
    7,
    `npx1.16.1.${'a'.repeat(200)}`,
  ]) {
    expect(readChallenge(wrong)).toBeUndefined()
  }
})

test('where a worker is forbidden, or says nonsense, the page works by itself', async () => {
  const challenge = readChallenge('npx1.8.1764000120.c2FsdC0x')!
  const forbidden = () => {
    throw new TypeError('refused by policy')
  }
  const wrong = await solve(challenge, forbidden)
  expect(proves(challenge, wrong)).toBe(true)
  const liar = { postMessage() {}, terminate() {}, onmessage: null as ((event: MessageEvent) => void) | null }
  const answer = solve(challenge, () => {
    queueMicrotask(() => liar.onmessage?.(new MessageEvent('message', { data: undefined })))
    return liar as unknown as Worker
  })
  expect(proves(challenge, await answer)).toBe(true)
})
