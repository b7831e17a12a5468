import * as z from 'zod/mini'
import type { Outgoing, Shelf } from './outbox'

const outgoing = z.object({
  id: z.string(),
  conversation: z.string(),
  text: z.string(),
  at: z.number(),
  state: z.enum(['queued', 'sending', 'failed']),
  reason: z.optional(z.string()),
})

/** One entry; a torn one must not hide the others. */
function kept(text: string | null): Outgoing | undefined {
  try {
    return outgoing.safeParse(JSON.parse(text ?? 'null')).data as Outgoing | undefined
  } catch {
    return undefined
  }
}

/**
 * Keeps a person's messages in the browser. A storage that is full or forbidden keeps nothing; entries of another
 * version are left alone.
 */
export function browserShelf(person: string, storage: Storage): Shelf {
  const prefix = `npx:outbox:v1:${person}:`
  return {
    load() {
      try {
        const keys = Array.from({ length: storage.length }, (_, i) => storage.key(i)).filter(
          (key): key is string => key?.startsWith(prefix) === true,
        )
        return keys
          .map((key) => kept(storage.getItem(key)))
          .filter((item) => item !== undefined)
          .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
      } catch {
        return []
      }
    },
    put(item) {
      try {
        storage.setItem(prefix + item.id, JSON.stringify(item))
      } catch {
        // Sent all the same; only a reload would forget it.
      }
    },
    remove(id) {
      try {
        storage.removeItem(prefix + id)
      } catch {
        // Nothing was kept then.
      }
    },
  }
}
