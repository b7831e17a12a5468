import type { Schemas } from '@neipix/api'
import { useEnter } from '@neipix/shell'
import { useMutation } from '@tanstack/react-query'
import { api } from '@app/shared/api'

/* The forms show what failed themselves. */
const meta = { handled: true }

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
