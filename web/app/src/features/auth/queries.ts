import type { Schemas } from '@neipix/api'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { api } from '@app/shared/api'
import { safeNext } from '@app/shared/next'
import { meQuery } from '@app/shared/session'

/* The forms show what failed themselves. */
const meta = { handled: true }

/** Takes a new session: nothing that the former person saw stays, then to the place they wanted. */
function useEnter(next: string | undefined) {
  const queries = useQueryClient()
  const router = useRouter()
  return (tokens: Schemas['SessionTokens']) => {
    queries.clear()
    if (tokens.me) queries.setQueryData(meQuery().queryKey, tokens.me)
    api.session.accept(tokens)
    void router.navigate({ href: safeNext(next) ?? '/', replace: true })
  }
}

/** Signs in by e-mail and password. */
export function useLogin(next: string | undefined) {
  const enter = useEnter(next)
  return useMutation({
    meta,
    mutationFn: async (body: { email: string; password: string; rememberMe: boolean }) => {
      const { data } = await api.http.POST('/api/v1/auth/login', { body })
      return data!
    },
    onSuccess: enter,
  })
}

/** Starts an account: a letter with a code goes out. */
export function useRegister() {
  return useMutation({
    meta,
    mutationFn: async (body: Schemas['RegisterRequest']) => {
      const { data } = await api.http.POST('/api/v1/auth/register', { body })
      return data!
    },
  })
}

/** Ends the registration by the code, and signs in. */
export function useConfirm(next: string | undefined) {
  const enter = useEnter(next)
  return useMutation({
    meta,
    mutationFn: async (body: { registrationId: string; code: string }) => {
      const { data } = await api.http.POST('/api/v1/auth/confirm-email', { body })
      return data!
    },
    onSuccess: enter,
  })
}

/** Sends another code; the former one stops working. */
export function useResend() {
  return useMutation({
    meta,
    mutationFn: (registrationId: string) =>
      api.http.POST('/api/v1/auth/resend-code', { body: { registrationId } }),
  })
}
