/** A value that can be watched. */
export class Store<T> {
  private value: T
  private readonly watchers = new Set<() => void>()

  constructor(value: T) {
    this.value = value
  }

  get = (): T => this.value

  set(value: T): void {
    this.value = value
    for (const watcher of this.watchers) watcher()
  }

  watch(watcher: () => void): () => void {
    this.watchers.add(watcher)
    return () => void this.watchers.delete(watcher)
  }
}
