import { ApiError } from '@neipix/api'
import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
  type QueryClient,
} from '@tanstack/react-query'
import { api } from '@app/shared/api'
import type { Assistant } from './draft'

/** Statuses that the list can be narrowed to. */
export const FILTERS = [
  'ASSISTANT_STATUS_PUBLISHED',
  'ASSISTANT_STATUS_PAUSED',
  'ASSISTANT_STATUS_DRAFT',
  'ASSISTANT_STATUS_ARCHIVED',
] as const

export interface AssistantsFilter {
  q?: string | undefined
  status?: (typeof FILTERS)[number] | undefined
}

// Everything that lists assistants begins so: whatever changes one makes all of it old.
const LIST = ['get', '/api/v1/assistants'] as const

/** The workspace's assistants, page by page; without a status all but the archived ones. */
export const assistantPages = ({ q, status }: AssistantsFilter) =>
  infiniteQueryOptions({
    queryKey: [...LIST, 'pages', { q, status }],
    queryFn: async ({ pageParam, signal }) => {
      const query = { pageSize: 48, pageToken: pageParam, ...(q ? { q } : {}), ...(status ? { status } : {}) }
      const { data } = await api.http.GET('/api/v1/assistants', { params: { query }, signal })
      return data!
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
    // While another filter is looked for, the cards stay.
    placeholderData: keepPreviousData,
  })

/** One assistant. */
export const assistantQuery = (id: string) =>
  api.query.queryOptions('get', '/api/v1/assistants/{id}', { params: { path: { id } } })

/** A published version; it never changes. */
export const versionQuery = (assistantId: string, number: number) =>
  queryOptions({
    ...api.query.queryOptions('get', '/api/v1/assistants/{assistantId}/versions/{number}', {
      params: { path: { assistantId, number } },
    }),
    staleTime: Infinity,
  })

/** Shows an assistant as the server has just answered it, and reads the lists anew. */
export function putAssistant(queries: QueryClient, assistant: Assistant): void {
  queries.setQueryData(assistantQuery(assistant.id).queryKey, assistant)
  void queries.invalidateQueries({ queryKey: LIST })
}

interface NewAssistant {
  name: string
  instruction: string
  /** The same for each try of one form, so that a lost answer makes no second assistant. */
  key: string
}

/** Makes an assistant; the form shows what fails. */
export function useCreateAssistant() {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async ({ name, instruction, key }: NewAssistant) => {
      const { data } = await api.http.POST('/api/v1/assistants', {
        params: { header: { 'Idempotency-Key': key } },
        body: { draft: { name, instruction } },
      })
      return data!
    },
    onSuccess: (assistant) => putAssistant(queries, assistant),
  })
}

type Verb = 'publish' | 'pause' | 'resume' | 'archive'

async function act(id: string, verb: Verb): Promise<Assistant> {
  const params = { path: { id } }
  switch (verb) {
    case 'publish':
      return (await api.http.POST('/api/v1/assistants/{id}:publish', { params, body: {} })).data!
    case 'pause':
      return (await api.http.POST('/api/v1/assistants/{id}:pause', { params, body: {} })).data!
    case 'resume':
      return (await api.http.POST('/api/v1/assistants/{id}:resume', { params, body: {} })).data!
    case 'archive':
      return (await api.http.DELETE('/api/v1/assistants/{id}', { params })).data!
  }
}

/** Publishes, pauses, resumes or archives; where it is asked for, whoever asks shows what fails. */
export function useAct(verb: Verb, handled = false) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled },
    mutationFn: (id: string) => act(id, verb),
    onSuccess: (assistant) => putAssistant(queries, assistant),
    onError: (error, id) => {
      // Somebody else was faster: show how it stands.
      if (error instanceof ApiError && error.status === 409)
        void queries.invalidateQueries({ queryKey: assistantQuery(id).queryKey })
    },
  })
}
