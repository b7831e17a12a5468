import type { Me } from '@neipix/api'
import { http, problem } from './http'

/** The code that the mock server's letters carry. */
export const CODE = '123456'
/** The password of the mock server's person. */
export const PASSWORD = 'correct horse'

/** Who is at the mock server. */
interface Account {
  signedIn: boolean
  me: Me
}

const tokensOf = (me: Me) => ({
  accessToken: 'mock-access',
  expiresInSeconds: 600,
  refreshToken: '',
  refreshMaxAgeSeconds: 0,
  me,
})

/** Registration, log-in, session. */
export const accountHandlersOf = (account: () => Account) => [
  http.post('/api/v1/auth/refresh', ({ response }) =>
    account().signedIn
      ? response(200).json(tokensOf(account().me))
      : response.untyped(problem(401, 'REFRESH_INVALID')),
  ),
  http.get('/api/v1/auth/me', ({ response }) =>
    account().signedIn ? response(200).json(account().me) : response.untyped(problem(401, 'TOKEN_INVALID')),
  ),
  http.post('/api/v1/auth/register', ({ response }) =>
    response(200).json({ registrationId: '019d0000-0000-7000-8000-00000000000a', codeExpiresInSeconds: 900 }),
  ),
  http.post('/api/v1/auth/resend-code', ({ response }) => response(200).json({})),
  http.post('/api/v1/auth/confirm-email', async ({ request, response }) => {
    const { code } = await request.json()
    if (code !== CODE) return response.untyped(problem(400, 'CODE_INVALID'))
    account().signedIn = true
    return response(200).json(tokensOf(account().me))
  }),
  http.post('/api/v1/auth/login', async ({ request, response }) => {
    const { email, password } = await request.json()
    if (email !== account().me.user?.email || password !== PASSWORD)
      return response.untyped(problem(401, 'CREDENTIALS_INVALID'))
    account().signedIn = true
    return response(200).json(tokensOf(account().me))
  }),
  http.post('/api/v1/auth/logout', ({ response }) => {
    account().signedIn = false
    return response(200).json({ refreshToken: '' })
  }),
  http.post('/api/v1/auth/socket-tickets', ({ response }) =>
    response(200).json({ ticket: 'mock-ticket', expiresInSeconds: 30 }),
  ),
]
