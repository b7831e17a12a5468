import type { Outgoing, Shelf } from '@neipix/api/sending'

const STATES: readonly unknown[] = ['queued', 'sending', 'failed']

/** One entry; a torn one must not hide the others. */
function kept(text: string | null): Outgoing[] {
  try {
    const item = JSON.parse(text ?? '') as Partial<Record<keyof Outgoing, unknown>> | null
    const words = [item?.id, item?.conversation, item?.text].every((word) => typeof word === 'string')
    return words && typeof item?.at === 'number' && STATES.includes(item.state) ? [item as Outgoing] : []
  } catch {
    return []
  }
}

/** Messages that the server has not yet, each by itself: the tabs of a browser share them. */
export class BrowserShelf implements Shelf {
  private readonly prefix: string
  private readonly storage: () => Storage

  constructor(key: string, storage: () => Storage) {
    this.prefix = `npx:unsent:v1:${key}:`
    this.storage = storage
  }

  load(): Outgoing[] {
    return this.names()
      .flatMap((name) => kept(this.use((storage) => storage.getItem(name)) ?? null))
      .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
  }

  put(item: Outgoing): void {
    this.use((storage) => storage.setItem(this.prefix + item.id, JSON.stringify(item)))
  }

  remove(id: string): void {
    this.use((storage) => storage.removeItem(this.prefix + id))
  }

  /** Forgets all of them: they were another person's. */
  clear(): void {
    for (const name of this.names()) this.use((storage) => storage.removeItem(name))
  }

  private names(): string[] {
    const found = this.use((storage) =>
      Array.from({ length: storage.length }, (_, i) => storage.key(i) ?? ''),
    )
    return (found ?? []).filter((name) => name.startsWith(this.prefix))
  }

  private use<T>(work: (storage: Storage) => T): T | undefined {
    try {
      return work(this.storage())
    } catch {
      // Sent all the same; only a reload would forget it.
      return undefined
    }
  }
}
