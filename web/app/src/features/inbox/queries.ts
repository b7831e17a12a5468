import { api } from '@app/shared/api'
import { queryOptions, type QueryClient } from '@tanstack/react-query'
import {
  NO_LIST,
  readFirst,
  readMore,
  type DialogueFilter,
  type DialogueList,
  type DialoguePage,
} from './dialogue-list'
import { NOTHING, withFull, type Known } from './dialogue'
import type { Conversation } from './kinds'
import { markNow, missedSince } from './marks'
import { NO_THREAD, readNewest, readOlder, type Thread, type ThreadPage } from './thread'

/*
 * What the inbox reads. The socket keeps it fresh (`feed.ts`), so nothing is read again by time. Answers are merged
 * into what was heard while they were on their way, never put in its place.
 */

export const INBOX = ['inbox'] as const
export const LISTS = [...INBOX, 'list'] as const
export const THREADS = [...INBOX, 'thread'] as const
export const DIALOGUES = [...INBOX, 'dialogue'] as const

const PAGE = 50
/** The most the server gives at once. */
const PAGE_MOST = 200
/** So many rows are read anew at most; those behind come page by page again. */
const REFRESH_MOST = 1_000
/** A dialogue in which more is said than can be read is tried that often, then with the next event. */
const TRIES = 5

// Merged states share what has not changed already; comparing ten thousand rows for it would take longer.
const kept = { staleTime: Infinity, structuralSharing: false } as const

/** What was read, and the mark up to which it is surely new. */
interface Read<T> {
  readonly value: T
  readonly since: number
}

/** Reads, and reads again where events were missed meanwhile: the query client lets a first reading run on. */
async function read<T>(ask: () => Promise<T>): Promise<Read<T>> {
  for (let tries = 1; ; tries += 1) {
    const since = markNow()
    const outdated = missedSince()
    const value = await ask()
    if (!outdated() || tries === TRIES) return { value, since }
  }
}

/** A list of dialogues. */
export function dialogueList(filter: DialogueFilter) {
  const queryKey = [...LISTS, filter] as const
  return queryOptions({
    ...kept,
    queryKey,
    queryFn: async ({ client, signal }): Promise<DialogueList> => {
      const now = () => client.getQueryData<DialogueList>(queryKey) ?? NO_LIST
      const page = await read(() => firstRows(filter, now().rows.length, signal))
      return readFirst(now(), filter, page.value, page.since)
    },
  })
}

/** Reads the page behind the last row. */
export async function moreDialogues(queries: QueryClient, filter: DialogueFilter): Promise<void> {
  const { queryKey } = dialogueList(filter)
  const before = queries.getQueryData<DialogueList>(queryKey)
  if (before?.next === undefined) return
  const since = markNow()
  const outdated = missedSince()
  const page = await rowsOf(filter, PAGE, before.next)
  if (outdated()) return
  queries.setQueryData<DialogueList>(queryKey, (now) =>
    // Read anew meanwhile: this page may not be the next one any more.
    now && now.next === before.next ? readMore(now, filter, page, since) : now,
  )
}

async function firstRows(filter: DialogueFilter, have: number, signal: AbortSignal): Promise<DialoguePage> {
  const want = Math.min(have, REFRESH_MOST)
  const size = sizeFor(want)
  let { rows, next } = await rowsOf(filter, size, undefined, signal)
  while (next !== undefined && rows.length < want) {
    const page = await rowsOf(filter, size, next, signal)
    rows = [...rows, ...page.rows]
    next = page.next
  }
  return { rows, next }
}

async function rowsOf(
  { status, handler, assistantId, q }: DialogueFilter,
  pageSize: number,
  pageToken?: string,
  signal?: AbortSignal,
): Promise<DialoguePage> {
  const { data } = await api.http.GET('/api/v1/chats', {
    params: {
      query: {
        pageSize,
        ...(pageToken !== undefined && { pageToken }),
        ...(status && { status }),
        ...(handler && { handler }),
        ...(assistantId && { assistantId }),
        ...(q && { q }),
      },
    },
    ...(signal && { signal }),
  })
  return { rows: data?.conversations ?? [], next: data?.nextPageToken || undefined }
}

/** One dialogue. */
export function dialogue(id: string) {
  const queryKey = [...DIALOGUES, id] as const
  return queryOptions({
    ...kept,
    queryKey,
    queryFn: async ({ client, signal }): Promise<Known> => {
      const copy = await read(() => readDialogue(id, signal))
      const before = client.getQueryData<Known>(queryKey) ?? NOTHING
      return withFull(before, { value: copy.value, mark: copy.since })
    },
  })
}

export async function readDialogue(id: string, signal?: AbortSignal): Promise<Conversation> {
  const { data } = await api.http.GET('/api/v1/chats/{id}', {
    params: { path: { id } },
    ...(signal && { signal }),
  })
  return data!
}

/** A dialogue's messages and turns. */
export function thread(id: string) {
  const queryKey = [...THREADS, id] as const
  return queryOptions({
    ...kept,
    queryKey,
    queryFn: async ({ client, signal }): Promise<Thread> => {
      const now = () => client.getQueryData<Thread>(queryKey) ?? NO_THREAD
      for (let tries = 1; ; tries += 1) {
        const page = await read(() => newestPages(id, now().messages.length, signal))
        const merged = readNewest(now(), page.value, page.since)
        // While the page was on its way, something was said that neither it nor the events before it have.
        if (merged.gap === undefined || tries === TRIES) return merged
      }
    },
  })
}

/** Reads the page before the oldest message. */
export async function olderMessages(queries: QueryClient, id: string): Promise<void> {
  const { queryKey } = thread(id)
  const before = queries.getQueryData<Thread>(queryKey)
  if (before?.olderMessages === undefined) return
  const since = markNow()
  const outdated = missedSince()
  const page = await pageOf(id, { messages: before.olderMessages, turns: before.olderTurns }, PAGE)
  if (outdated()) return
  queries.setQueryData<Thread>(queryKey, (now) => now && readOlder(now, page, since))
}

/** The newest messages, as many as there were: what is read anew must not shrink under its reader. */
async function newestPages(id: string, have: number, signal: AbortSignal): Promise<ThreadPage> {
  const want = Math.min(have, REFRESH_MOST)
  let all = await pageOf(id, {}, sizeFor(want), signal)
  while (all.olderMessages !== undefined && all.messages.length < want) {
    const older = await pageOf(id, { messages: all.olderMessages, turns: all.olderTurns }, PAGE_MOST, signal)
    all = {
      ...older,
      messages: [...all.messages, ...older.messages],
      turns: [...all.turns, ...older.turns],
    }
  }
  return all
}

function sizeFor(want: number): number {
  return want > PAGE ? PAGE_MOST : PAGE
}

interface Tokens {
  readonly messages?: string | undefined
  /** With `messages` but without this there are no more turns. */
  readonly turns?: string | undefined
}

async function pageOf(id: string, tokens: Tokens, size: number, signal?: AbortSignal): Promise<ThreadPage> {
  const noTurns = tokens.messages !== undefined && tokens.turns === undefined
  const path = { conversationId: id }
  const [messages, turns] = await Promise.all([
    api.http.GET('/api/v1/chats/{conversationId}/messages', {
      params: { path, query: pageQuery(size, tokens.messages) },
      ...(signal && { signal }),
    }),
    noTurns
      ? undefined
      : api.http.GET('/api/v1/chats/{conversationId}/turns', {
          // Rarely more than one a message: a page twice as long covers a page of those.
          params: { path, query: pageQuery(Math.min(size * 2, PAGE_MOST), tokens.turns) },
          ...(signal && { signal }),
        }),
  ])
  return {
    messages: messages.data?.messages ?? [],
    turns: turns?.data?.turns ?? [],
    olderMessages: messages.data?.nextPageToken || undefined,
    olderTurns: turns?.data?.nextPageToken || undefined,
  }
}

function pageQuery(pageSize: number, pageToken: string | undefined) {
  return { pageSize, ...(pageToken !== undefined && { pageToken }) }
}
