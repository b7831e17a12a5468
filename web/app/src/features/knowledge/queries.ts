import type { Schemas } from '@neipix/api'
import {
  infiniteQueryOptions,
  keepPreviousData,
  useMutation,
  useQueryClient,
  type QueryClient,
} from '@tanstack/react-query'
import { useEffect } from 'react'
import { api } from '@app/shared/api'
import { live } from '@app/shared/live'
import { postForm } from './post-form'
import { createUploads, type Uploads } from './uploads'

export type KnowledgeFile = Schemas['KnowledgeFile']

/** How often files that are still being read are looked at where no socket tells of them, in ms. */
const LOOK_EVERY = 3000
const MOVING = ['FILE_STATUS_UPLOADING', 'FILE_STATUS_QUEUED', 'FILE_STATUS_EXTRACTING']

const listKey = (assistantId: string) => ['knowledge', 'files', assistantId] as const

/** Whether a file's state will change by itself. */
export const isMoving = (file: KnowledgeFile) => MOVING.includes(file.status)

/** The files of an assistant, newest first. */
export const filePages = (assistantId: string, q: string) =>
  infiniteQueryOptions({
    queryKey: [...listKey(assistantId), { q }],
    queryFn: async ({ pageParam, signal }) => {
      const { data } = await api.http.GET('/api/v1/assistants/{assistantId}/files', {
        params: {
          path: { assistantId },
          query: { pageSize: 100, pageToken: pageParam, ...(q ? { q } : {}) },
        },
        signal,
      })
      return data!
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
    // While another word is looked for, the rows stay.
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      state.data?.pages.some(({ files }) => files.some(isMoving)) ? LOOK_EVERY : false,
  })

/** One file. */
export const fileQuery = (assistantId: string, id: string) =>
  api.query.queryOptions('get', '/api/v1/assistants/{assistantId}/files/{id}', {
    params: { path: { assistantId, id } },
  })

/** The extracted text of a file. */
export const fileText = (assistantId: string, id: string) =>
  infiniteQueryOptions({
    queryKey: ['knowledge', 'text', assistantId, id],
    queryFn: async ({ pageParam, signal }) => {
      const { data } = await api.http.GET('/api/v1/assistants/{assistantId}/files/{id}/text', {
        params: { path: { assistantId, id }, query: { pageSize: 50, pageToken: pageParam } },
        signal,
      })
      return data!
    },
    initialPageParam: '',
    getNextPageParam: (last) => last.nextPageToken || undefined,
  })

function reread(queries: QueryClient, assistantId: string): Promise<void> {
  return queries.invalidateQueries({ queryKey: listKey(assistantId) })
}

/** Statuses change on the screen when they change on the server. */
export function useLiveFiles(assistantId: string): void {
  const queries = useQueryClient()
  useEffect(() => {
    const stop = live.onEvent(({ kind, data }) => {
      if (kind === 'file.status_changed' && data?.file?.assistantId === assistantId)
        void reread(queries, assistantId)
    })
    const stopResync = live.onResync(() => void reread(queries, assistantId))
    return () => {
      stop()
      stopResync()
    }
  }, [queries, assistantId])
}

/** Tries a failed file again. */
export function useRetryFile(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (id: string) =>
      api.http.POST('/api/v1/assistants/{assistantId}/files/{id}:retry', {
        params: { path: { assistantId, id } },
        body: {},
      }),
    onSettled: () => reread(queries, assistantId),
  })
}

/** Switches a file off or on: the assistant does not, or does again, answer from it. */
export function useSwitchFile(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    mutationFn: (file: KnowledgeFile) =>
      api.http.PATCH('/api/v1/assistants/{assistantId}/files/{id}', {
        params: { path: { assistantId, id: file.id }, query: { updateMask: 'disabled' } },
        body: { name: file.name, disabled: !file.disabled, etag: file.etag },
      }),
    onSettled: () => reread(queries, assistantId),
  })
}

/** Deletes a file; the question shows what fails. */
export function useDeleteFile(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: (id: string) => removeFile(assistantId, id),
    onSuccess: () => reread(queries, assistantId),
  })
}

async function removeFile(assistantId: string, id: string): Promise<void> {
  await api.http.DELETE('/api/v1/assistants/{assistantId}/files/{id}', {
    params: { path: { assistantId, id } },
  })
}

const queues = new WeakMap<QueryClient, Uploads>()

/** The uploads of this page; one queue, so that they go on when the screen is left. */
export function uploadsOf(queries: QueryClient): Uploads {
  const known = queues.get(queries)
  if (known) return known
  const queue = createUploads({
    async announce({ id, assistantId, name, size, tries }) {
      const { data } = await api.http.POST('/api/v1/assistants/{assistantId}/files', {
        params: { path: { assistantId }, header: { 'Idempotency-Key': `${id}-${tries}` } },
        body: { name, sizeBytes: String(size) },
      })
      return data!
    },
    post: postForm,
    async confirm(assistantId, id) {
      const { data } = await api.http.POST('/api/v1/assistants/{assistantId}/files/{id}:confirm', {
        params: { path: { assistantId, id } },
        body: {},
      })
      return data!
    },
    discard: removeFile,
    done: (file) => reread(queries, file.assistantId),
  })
  queues.set(queries, queue)
  return queue
}
