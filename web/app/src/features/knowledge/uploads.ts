import { ApiError, type Schemas } from '@neipix/api'
import { createStore, type StoreApi } from 'zustand/vanilla'

/** So many files travel at once; the others wait. */
const AT_ONCE = 3

/** A file on its way to the server. */
export interface Upload {
  readonly id: string
  readonly assistantId: string
  readonly name: string
  readonly size: number
  readonly state: 'waiting' | 'sending' | 'confirming' | 'failed'
  /** Bytes sent. */
  readonly sent: number
  /** The server's file, once it is announced. */
  readonly fileId: string | undefined
  /** Why it failed. */
  readonly reason: string | undefined
  /** How often it was announced anew; an announcement whose answer was lost is repeated as it was. */
  readonly tries: number
}

/** The calls of an upload, in their order. */
export interface UploadServer {
  announce(upload: Upload): Promise<Schemas['CreateFileResponse']>
  post(
    target: Schemas['PresignedPost'],
    file: File,
    options: { onProgress: (bytes: number) => void; signal: AbortSignal },
  ): Promise<void>
  confirm(assistantId: string, fileId: string): Promise<Schemas['KnowledgeFile']>
  /** Takes back what was announced. */
  discard(assistantId: string, fileId: string): Promise<void>
  /** The file is the server's now; the upload is shown until this is through. */
  done(file: Schemas['KnowledgeFile']): Promise<void>
}

export interface Uploads {
  readonly store: StoreApi<{ readonly list: readonly Upload[] }>
  add(assistantId: string, files: readonly File[]): void
  retry(id: string): void
  /** Stops it, and takes back what the server knows of it. */
  cancel(id: string): void
}

/** Uploads that go on while the person looks at other screens. */
export function createUploads(server: UploadServer): Uploads {
  return new Queue(server)
}

class Queue implements Uploads {
  readonly store = createStore<{ readonly list: readonly Upload[] }>(() => ({ list: [] }))
  private readonly server: UploadServer
  private readonly files = new Map<string, File>()
  private readonly stops = new Map<string, AbortController>()

  constructor(server: UploadServer) {
    this.server = server
  }

  add(assistantId: string, files: readonly File[]): void {
    const added = files.map((file): Upload => {
      const id = crypto.randomUUID()
      this.files.set(id, file)
      const { name, size } = file
      const nothing = { sent: 0, fileId: undefined, reason: undefined, tries: 0 }
      return { id, assistantId, name, size, state: 'waiting', ...nothing }
    })
    this.store.setState(({ list }) => ({ list: [...list, ...added] }))
    this.pump()
  }

  retry(id: string): void {
    const upload = this.find(id)
    if (upload?.state !== 'failed') return
    this.change(id, {
      state: 'waiting',
      sent: 0,
      reason: undefined,
      tries: upload.tries + (upload.fileId ? 1 : 0),
    })
    this.pump()
  }

  cancel(id: string): void {
    const upload = this.find(id)
    if (!upload) return
    this.stops.get(id)?.abort()
    this.forget(id)
    this.discard(upload)
    this.pump()
  }

  private pump(): void {
    const { list } = this.store.getState()
    const free = AT_ONCE - this.stops.size
    for (const upload of list.filter(({ state }) => state === 'waiting').slice(0, Math.max(free, 0))) {
      const stop = new AbortController()
      this.stops.set(upload.id, stop)
      this.change(upload.id, { state: 'sending' })
      void this.run(upload.id, stop.signal).finally(() => {
        this.stops.delete(upload.id)
        this.pump()
      })
    }
  }

  private async run(id: string, signal: AbortSignal): Promise<void> {
    const [upload, file] = [this.find(id), this.files.get(id)]
    if (!upload || !file) return
    try {
      const fileId = await this.deliver(upload, file, signal)
      if (signal.aborted) return
      this.change(id, { state: 'confirming', sent: file.size, fileId })
      const confirmed = await this.server.confirm(upload.assistantId, fileId)
      await this.server.done(confirmed)
      this.forget(id)
    } catch (error) {
      if (signal.aborted) return
      this.change(id, { state: 'failed', reason: error instanceof ApiError ? error.reason : 'UNKNOWN' })
    }
  }

  private async deliver(upload: Upload, file: File, signal: AbortSignal): Promise<string> {
    // A form of a former try may be used up or too old: the file is announced anew.
    if (upload.fileId) {
      this.discard(upload)
      this.change(upload.id, { fileId: undefined })
    }
    const { file: announced, upload: target } = await this.server.announce(upload)
    if (!announced || !target) throw new ApiError(0, 'NOT_A_PROBLEM', 'the answer names no file')
    if (signal.aborted) {
      this.discard({ ...upload, fileId: announced.id })
      return announced.id
    }
    this.change(upload.id, { fileId: announced.id })
    const onProgress = (sent: number) => this.change(upload.id, { sent })
    await this.server.post(target, file, { onProgress, signal })
    return announced.id
  }

  /** What is not taken back ends by itself within the hour. */
  private discard({ assistantId, fileId }: Upload): void {
    if (fileId) void this.server.discard(assistantId, fileId).catch(() => undefined)
  }

  private find(id: string): Upload | undefined {
    return this.store.getState().list.find((upload) => upload.id === id)
  }

  private change(id: string, patch: Partial<Upload>): void {
    this.store.setState(({ list }) => ({
      list: list.map((upload) => (upload.id === id ? { ...upload, ...patch } : upload)),
    }))
  }

  private forget(id: string): void {
    this.files.delete(id)
    this.store.setState(({ list }) => ({ list: list.filter((upload) => upload.id !== id) }))
  }
}
