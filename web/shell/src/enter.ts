import type { Schemas } from '@neipix/api'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { api } from './api'
import { safeNext } from './next'
import { meQuery } from './session'

/** Takes a new session: nothing that the former person saw stays, then to the place they wanted. */
export function useEnter(next: string | undefined) {
  const queries = useQueryClient()
  const router = useRouter()
  return (tokens: Schemas['SessionTokens']) => {
    queries.clear()
    if (tokens.me) queries.setQueryData(meQuery().queryKey, tokens.me)
    api.session.accept(tokens)
    void router.navigate({ href: safeNext(next) ?? '/', replace: true })
  }
}

/** Signs in by e-mail and password. The form shows what failed itself. */
export function useLogin(next: string | undefined) {
  const enter = useEnter(next)
  return useMutation({
    meta: { handled: true },
    mutationFn: async (body: Partial<Schemas['LoginRequest']> & { email: string; password: string }) => {
      const { data } = await api.http.POST('/api/v1/auth/login', { body })
      return data!
    },
    onSuccess: enter,
  })
}
