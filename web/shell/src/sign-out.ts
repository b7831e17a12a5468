import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRouter } from '@tanstack/react-router'
import { api } from './api'

/** Ends the session on the server and forgets here what the person saw. */
export function useSignOut() {
  const queries = useQueryClient()
  const router = useRouter()
  return useMutation({
    mutationFn: () => api.http.POST('/api/v1/auth/logout', { body: {} }),
    onSuccess: async () => {
      api.session.clear()
      // Without the place: the next person need not land on what this one looked at.
      await router.navigate({ to: '/login', search: {}, replace: true })
      queries.clear()
    },
  })
}
