/** Where a visitor's token outlives the page. */
export interface TokenStore {
  read(): string | undefined
  save(token: string, identified: boolean): void
  drop(): void
  /** Another tab has changed the token; `undefined` = it was dropped there. */
  watch(changed: (token: string | undefined) => void): () => void
}

/** The host page's storage, reached over the port. */
export interface HostCopy {
  /** What the page had kept; gone after its first use. */
  readonly kept: string | undefined
  save(token: string): void
  drop(): void
}

/**
 * The frame's own storage first, the page's copy where a browser has thrown ours away, memory where neither works.
 * An identified visitor's token never goes to the page.
 */
export function tokenStore(key: string, storage: () => Storage, host: HostCopy): TokenStore {
  const name = `npx:visitor:${key}`
  let memory = host.kept
  const own = <T>(work: (storage: Storage) => T): T | undefined => {
    try {
      return work(storage())
    } catch {
      // Forbidden or full: the dialogue works as long as the page lives.
      return undefined
    }
  }
  return {
    read: () => own((kept) => kept.getItem(name)) ?? memory,
    save(token, identified) {
      memory = token
      own((kept) => kept.setItem(name, token))
      if (identified) host.drop()
      else host.save(token)
    },
    drop() {
      memory = undefined
      own((kept) => kept.removeItem(name))
      host.drop()
    },
    watch(changed) {
      const listen = (event: StorageEvent) => {
        if (event.key !== name && event.key !== null) return
        memory = event.newValue ?? undefined
        changed(memory)
      }
      window.addEventListener('storage', listen)
      return () => window.removeEventListener('storage', listen)
    },
  }
}
