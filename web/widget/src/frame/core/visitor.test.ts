// @vitest-environment node
import { ApiError, type Problem } from '@neipix/api/sending'
import { expect, test, vi } from 'vitest'
import type { StartCall, WireSession } from './server'
import type { TokenStore } from './token-store'
import { Visitor } from './visitor'

const refusal = (status: number, reason: string, more: object = {}) =>
  new ApiError(status, reason, reason, {
    reason,
    status,
    title: reason,
    detail: '',
    type: '',
    trace_id: '',
    ...more,
  } as Problem)

function session(more: Partial<WireSession> = {}): WireSession {
  return {
    visitorId: 'v1',
    visitorToken: '',
    accessToken: 'at_1',
    expiresInSeconds: 900,
    identified: false,
    conversationId: '',
    replaced: false,
    ...more,
  }
}

function scene(kept?: string) {
  let token = kept
  let now = 0
  const tokens = {
    read: () => token,
    save: vi.fn((next: string) => void (token = next)),
    drop: vi.fn(() => void (token = undefined)),
    watch: () => () => {},
  } satisfies TokenStore
  const answers: (WireSession | ApiError)[] = []
  const start = vi.fn<(call: StartCall) => Promise<WireSession>>(async () => {
    const answer = answers.shift()
    if (!answer) throw new Error('not expected')
    if (answer instanceof ApiError) throw answer
    return answer
  })
  const reset = vi.fn(async () => {})
  const onSession = vi.fn()
  const solve = vi.fn(async () => 4551)
  const visitor = new Visitor({
    server: { start, reset },
    tokens,
    siteOrigin: 'https://shop.ru',
    solve,
    now: () => now,
    onSession,
  })
  return { visitor, tokens, answers, start, reset, onSession, solve, pass: (ms: number) => (now += ms) }
}

test('a new visitor keeps the token, and calls at once share one start', async () => {
  const { visitor, tokens, answers, start } = scene()
  expect(visitor.known).toBe(false)
  answers.push(session({ visitorToken: 'vt_1' }))
  const used = await Promise.all([visitor.with(async (at) => at), visitor.with(async (at) => at)])
  expect(used).toEqual(['at_1', 'at_1'])
  expect(start).toHaveBeenCalledExactlyOnceWith({
    visitorToken: '',
    identityToken: '',
    siteOrigin: 'https://shop.ru',
  })
  expect(tokens.save).toHaveBeenCalledExactlyOnceWith('vt_1', false)
})

test('the access token is made anew before it ends, and once where the server refuses it', async () => {
  const { visitor, answers, start, pass } = scene('vt_1')
  answers.push(session(), session({ accessToken: 'at_2' }), session({ accessToken: 'at_3' }))
  await visitor.start()
  pass(880_000)
  expect((await visitor.start()).accessToken).toBe('at_2')
  const call = vi.fn(async (access: string) => {
    if (access === 'at_2') throw refusal(401, 'TOKEN_INVALID')
    return access
  })
  expect(await visitor.with(call)).toBe('at_3')
  expect(call).toHaveBeenCalledTimes(2)
  expect(start).toHaveBeenCalledTimes(3)
})

test('a dead token begins anew, but another tab’s newer one is tried first', async () => {
  const { visitor, tokens, answers, start } = scene('vt_dead')
  answers.push(refusal(401, 'VISITOR_TOKEN_INVALID'), session({ visitorToken: 'vt_new' }))
  await visitor.start()
  expect(tokens.drop).toHaveBeenCalledOnce()
  expect(start.mock.calls.map(([call]) => call.visitorToken)).toEqual(['vt_dead', ''])

  const other = scene('vt_old')
  other.start.mockImplementationOnce(async () => {
    other.tokens.save('vt_rotated')
    throw refusal(401, 'VISITOR_TOKEN_INVALID')
  })
  other.answers.push(session())
  await other.visitor.start()
  expect(other.start.mock.calls.map(([call]) => call.visitorToken)).toEqual(['vt_old', 'vt_rotated'])
  expect(other.tokens.drop).not.toHaveBeenCalled()
})

test('a proof is worked out when the server asks for it, once a call', async () => {
  const { visitor, answers, start, solve } = scene()
  const challenge = 'npx1.16.1764000120.c2FsdC0x'
  answers.push(refusal(428, 'PROOF_REQUIRED', { challenge }), session())
  await visitor.start()
  expect(start.mock.calls[1]?.[0].proof).toEqual({ challenge, n: '4551' })
  expect(solve).toHaveBeenCalledOnce()

  const hard = scene()
  hard.answers.push(refusal(428, 'PROOF_REQUIRED', { challenge: 'npx1.40.1.x' }))
  await expect(hard.visitor.start()).rejects.toMatchObject({ reason: 'PROOF_REQUIRED' })
  expect(hard.solve).not.toHaveBeenCalled()
})

test('C-10: an identity that is refused is forgotten, and stands in the way of nothing', async () => {
  const { visitor, answers, start } = scene('vt_1')
  answers.push(session(), refusal(401, 'IDENTITY_INVALID'), session({ accessToken: 'at_3' }))
  await visitor.start()
  await expect(visitor.identify('bad.jwt.x')).rejects.toMatchObject({ reason: 'IDENTITY_INVALID' })
  expect((await visitor.start()).accessToken).toBe('at_3')
  expect(start.mock.calls.map(([call]) => call.identityToken)).toEqual(['', 'bad.jwt.x', ''])
})

test('another person on this device is another visitor: what was shown is not theirs', async () => {
  const { visitor, tokens, answers, onSession } = scene('vt_1')
  answers.push(
    session(),
    session({ visitorId: 'v2', visitorToken: 'vt_2', identified: true, replaced: true }),
  )
  await visitor.start()
  await visitor.identify('a.b.c')
  expect(onSession.mock.calls.map(([, fresh]) => fresh)).toEqual([false, true])
  expect(tokens.save).toHaveBeenLastCalledWith('vt_2', true)
})

test('a visitor who becomes known with the same token takes it away from the page', async () => {
  const { visitor, tokens, answers } = scene('vt_1')
  answers.push(session({ identified: true }))
  await visitor.identify('a.b.c')
  expect(tokens.save).toHaveBeenCalledExactlyOnceWith('vt_1', true)
})

test('reset drops the token first, revokes it, and lets nothing begun before it go on', async () => {
  const { visitor, tokens, answers, reset, start, onSession } = scene('vt_1')
  let release = () => {}
  start.mockImplementationOnce(async () => {
    await new Promise<void>((done) => (release = done))
    return session()
  })
  const before = visitor.start()
  const gone = visitor.reset()
  expect(tokens.read()).toBeUndefined()
  release()
  await expect(before).rejects.toMatchObject({ reason: 'NETWORK' })
  await gone
  expect(reset).toHaveBeenCalledExactlyOnceWith('vt_1')
  expect(onSession).not.toHaveBeenCalled()

  // A message of the one who has left is not said by the next.
  answers.push(session({ visitorToken: 'vt_2' }))
  const call = vi.fn(async () => {
    await visitor.reset()
    throw refusal(401, 'SESSION_REVOKED')
  })
  await expect(visitor.with(call)).rejects.toMatchObject({ reason: 'SESSION_REVOKED' })
  expect(call).toHaveBeenCalledOnce()
})
