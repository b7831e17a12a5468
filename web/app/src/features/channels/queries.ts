import type { Schemas } from '@neipix/api'
import { queryOptions, useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'
import { api } from '@app/shared/api'
import { live } from '@app/shared/live'

export type Channel = Schemas['Channel']
export type ApiKey = Schemas['ApiKey']

/** Pages that are read at most; an assistant has a handful of channels and keys. */
const PAGES_MAX = 20

interface Page<T> {
  rows: T[]
  next: string
}

async function allPages<T>(read: (pageToken: string) => Promise<Page<T>>): Promise<T[]> {
  const rows: T[] = []
  let token = ''
  for (let n = 0; n < PAGES_MAX; n++) {
    const page = await read(token)
    rows.push(...page.rows)
    if (!page.next) break
    token = page.next
  }
  return rows
}

/** An assistant's channels, oldest first. */
export const channelsQuery = (assistantId: string) =>
  queryOptions({
    queryKey: ['channels', assistantId],
    queryFn: ({ signal }) =>
      allPages<Channel>(async (pageToken) => {
        const params = { path: { assistantId }, query: { pageSize: 200, pageToken } }
        const { data } = await api.http.GET('/api/v1/assistants/{assistantId}/channels', { params, signal })
        return { rows: data!.channels, next: data!.nextPageToken }
      }),
  })

/** The keys that may touch this assistant only, newest first. */
export const keysQuery = (assistantId: string) =>
  queryOptions({
    queryKey: ['channels', 'keys', assistantId],
    queryFn: ({ signal }) =>
      allPages<ApiKey>(async (pageToken) => {
        const params = { query: { assistantId, pageSize: 200, pageToken } }
        const { data } = await api.http.GET('/api/v1/api-keys', { params, signal })
        return { rows: data!.apiKeys, next: data!.nextPageToken }
      }),
  })

/** Shows a channel as the server has just answered it. */
function putChannel(queries: QueryClient, assistantId: string, channel: Channel): void {
  queries.setQueryData(channelsQuery(assistantId).queryKey, (known) => {
    if (!known) return known
    const at = known.findIndex(({ id }) => id === channel.id)
    return at < 0 ? [...known, channel] : known.with(at, channel)
  })
  void queries.invalidateQueries({ queryKey: channelsQuery(assistantId).queryKey })
}

/** States change on the screen when they change on the server. */
export function useLiveChannels(assistantId: string): void {
  const queries = useQueryClient()
  useEffect(() => {
    const { queryKey } = channelsQuery(assistantId)
    const reload = () => void queries.invalidateQueries({ queryKey })
    const stop = live.onEvent(({ kind, data }) => {
      if (kind === 'channel.state_changed' && data?.channel?.assistantId === assistantId) reload()
    })
    const stopResync = live.onResync(reload)
    return () => {
      stop()
      stopResync()
    }
  }, [queries, assistantId])
}

const BY_ASSISTANT = '/api/v1/assistants/{assistantId}/channels' as const
const ONE = '/api/v1/assistants/{assistantId}/channels/{id}' as const

/** Connects a Telegram bot; the form shows what fails. */
export function useConnectTelegram(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async (botToken: string) => {
      const { data } = await api.http.POST(BY_ASSISTANT, {
        params: { path: { assistantId } },
        body: { kind: 'CHANNEL_KIND_TELEGRAM', botToken },
      })
      return data!
    },
    onSuccess: (channel) => putChannel(queries, assistantId, channel),
  })
}

/** Asks the messaging service how a channel is. */
export function useCheckChannel(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async (id: string) => {
      const params = { path: { assistantId, id } }
      const { data } = await api.http.POST('/api/v1/assistants/{assistantId}/channels/{id}:check', {
        params,
        body: {},
      })
      return data!
    },
    onSuccess: (channel) => putChannel(queries, assistantId, channel),
  })
}

/** Gives a bot another token; the form shows what fails. */
export function useReplaceToken(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async ({ channel, botToken }: { channel: Channel; botToken: string }) => {
      const { data } = await api.http.PATCH(ONE, {
        params: { path: { assistantId, id: channel.id }, query: { updateMask: 'bot_token' } },
        body: { botToken, etag: channel.etag },
      })
      return data!
    },
    onSuccess: (channel) => putChannel(queries, assistantId, channel),
  })
}

/** Disconnects a channel; the question shows what fails. */
export function useDisconnect(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async (id: string) => {
      const { data } = await api.http.DELETE(ONE, { params: { path: { assistantId, id } } })
      return data!
    },
    onSuccess: (channel) => putChannel(queries, assistantId, channel),
  })
}

/** What of a widget people set. */
export type WidgetSettings = Required<
  Pick<
    Schemas['WidgetInput'],
    'origins' | 'locale' | 'title' | 'greeting' | 'accent' | 'side' | 'scheme' | 'requireIdentity'
  >
>

/** Makes a widget, or changes it; the form shows what fails. */
export function useSaveWidget(assistantId: string, channel: Channel | undefined) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async (widget: WidgetSettings) => {
      if (!channel) {
        const params = { path: { assistantId } }
        const body = { kind: 'CHANNEL_KIND_WIDGET', widget } as const
        return (await api.http.POST(BY_ASSISTANT, { params, body })).data!
      }
      const updateMask = WIDGET_FIELDS.map((field) => `widget.${field}`).join(',')
      const params = { path: { assistantId, id: channel.id }, query: { updateMask } }
      return (await api.http.PATCH(ONE, { params, body: { etag: channel.etag, widget } })).data!
    },
    onSuccess: (saved) => putChannel(queries, assistantId, saved),
  })
}

const WIDGET_FIELDS = [
  'origins',
  'locale',
  'title',
  'greeting',
  'accent',
  'side',
  'scheme',
  'require_identity',
]

/** Makes a widget's next identity secret. */
export function useRotateSecret(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    // The secret is in no cache once the dialog is closed.
    gcTime: 0,
    mutationFn: async (id: string) => {
      const { data } = await api.http.POST('/api/v1/assistants/{assistantId}/channels/{id}:rotateSecret', {
        params: { path: { assistantId, id } },
        body: {},
      })
      return data!
    },
    onSuccess: ({ channel }) => {
      if (channel) putChannel(queries, assistantId, channel)
    },
  })
}

/** Makes a key that can only ask this assistant. */
export function useCreateKey(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    // The secret is in no cache once the dialog is closed.
    gcTime: 0,
    mutationFn: async (name: string) => {
      const { data } = await api.http.POST('/api/v1/api-keys', {
        body: { name, permissions: ['chats.ask'], assistantId },
      })
      return data!
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: keysQuery(assistantId).queryKey }),
  })
}

/** Revokes a key; the question shows what fails. */
export function useRevokeKey(assistantId: string) {
  const queries = useQueryClient()
  return useMutation({
    meta: { handled: true },
    mutationFn: async (id: string) => {
      const { data } = await api.http.DELETE('/api/v1/api-keys/{id}', { params: { path: { id } } })
      return data!
    },
    onSuccess: () => queries.invalidateQueries({ queryKey: keysQuery(assistantId).queryKey }),
  })
}
