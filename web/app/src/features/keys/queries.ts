import type { Schemas } from '@neipix/api'
import { infiniteQueryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { api } from '@app/shared/api'

const KEYS = ['get', '/api/v1/api-keys'] as const

/** The company's keys, page after page. */
export const keysQuery = () =>
  infiniteQueryOptions({
    queryKey: KEYS,
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const { data } = await api.http.GET('/api/v1/api-keys', {
        signal,
        params: { query: { pageSize: 50, ...(pageParam ? { pageToken: pageParam } : {}) } },
      })
      return data!
    },
    getNextPageParam: ({ nextPageToken }) => nextPageToken || undefined,
  })

/** Assistants that a key may be narrowed to. */
export const keyAssistantsQuery = () =>
  api.query.queryOptions('get', '/api/v1/assistants', {
    params: { query: { pageSize: 200, orderBy: 'name' } },
  })

/** Makes a key. The secret is in the answer and nowhere else. */
export function useCreateKey() {
  const queries = useQueryClient()
  return useMutation({
    // The secret goes with the window that shows it.
    gcTime: 0,
    meta: { handled: true },
    mutationFn: async (body: Schemas['CreateApiKeyRequest']) => {
      // The call goes out twice where the token must be renewed first: that must not make two keys.
      const { data } = await api.http.POST('/api/v1/api-keys', {
        body,
        headers: { 'idempotency-key': crypto.randomUUID() },
      })
      return data!
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: KEYS }),
  })
}

/** Ends a key for good. */
export function useRevokeKey() {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: (id: string) => api.http.DELETE('/api/v1/api-keys/{id}', { params: { path: { id } } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: KEYS }),
  })
}
