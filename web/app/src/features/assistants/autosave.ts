import { ApiError } from '@neipix/api'
import * as z from 'zod'
import { createStore, type StoreApi } from 'zustand/vanilla'
import { createJSONStorage, persist } from 'zustand/middleware'
import {
  contested,
  effective,
  faults,
  fieldsOf,
  PATHS,
  type Assistant,
  type DraftField,
  type DraftFields,
} from './draft'

/** A pause in typing after which the draft is saved, in ms. */
const PAUSE = 700
const RETRY_FIRST = 2000
const RETRY_MOST = 30_000

/** Where the saving of a draft stands. */
export type SaveState =
  | { readonly is: 'waiting' }
  | { readonly is: 'saving' }
  | { readonly is: 'saved' }
  /** Tried again by itself. */
  | { readonly is: 'unreachable' }
  /** Something typed breaks a rule: nothing is sent until it is mended. */
  | { readonly is: 'faulty' }
  | { readonly is: 'refused'; readonly error: ApiError }
  /** Somebody else changed the same fields. */
  | { readonly is: 'conflict'; readonly theirs: Assistant; readonly fields: readonly DraftField[] }

/** Edits that the server does not have yet, and what they were made on. */
export interface KeptEdits {
  readonly edits: Partial<DraftFields>
  readonly base: DraftFields
  readonly etag: string
}

export interface Drafts {
  readonly kept: Readonly<Record<string, KeptEdits>>
  readonly saves: Readonly<Record<string, SaveState>>
}

/** How the saver reaches the server and what the screens show. */
export interface AutosaveServer {
  save(id: string, fields: Partial<DraftFields>, mask: string, etag: string): Promise<Assistant>
  load(id: string): Promise<Assistant>
  /** Shows what the server has. */
  put(assistant: Assistant): void
}

export interface Autosave {
  readonly store: StoreApi<Drafts>
  /** Takes an edit and saves it after a pause. */
  edit(assistant: Assistant, patch: Partial<DraftFields>): void
  /** Saves what is left of a former visit; does nothing where nothing is. */
  resume(id: string): void
  /** Saves at once; true where the server has all of it now. */
  flush(id: string): Promise<boolean>
  /** Ends a conflict. */
  choose(id: string, whose: 'mine' | 'theirs'): void
}

const text = z.string().optional()
const number = z.number().optional()
const fields = { name: text, description: text, instruction: text, temperature: number }
const shape = z.object({ ...fields, answerDelaySeconds: number, maxOutputTokens: number })
const keptShape = z.record(z.string(), z.object({ edits: shape, base: shape.required(), etag: z.string() }))

/** The drafts of this browser; edits outlive a reload. */
export function createAutosave(server: AutosaveServer, storage: () => Storage): Autosave {
  const store = createStore<Drafts>()(
    persist(() => ({ kept: {}, saves: {} }) as Drafts, {
      name: 'npx:drafts',
      version: 1,
      storage: createJSONStorage(storage),
      partialize: ({ kept }) => ({ kept }),
      // What another tab or version left must not break the screen.
      merge: (stored, current) => {
        const read = z.object({ kept: keptShape }).safeParse(stored)
        return read.success ? { ...current, kept: read.data.kept as Drafts['kept'] } : current
      },
    }),
  )
  return new Saver(store, server)
}

class Saver implements Autosave {
  readonly store: StoreApi<Drafts>
  private readonly server: AutosaveServer
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>()
  private readonly running = new Map<string, Promise<void>>()
  private readonly tries = new Map<string, number>()

  constructor(store: StoreApi<Drafts>, server: AutosaveServer) {
    this.store = store
    this.server = server
    globalThis.addEventListener?.('online', () => {
      for (const [id, save] of Object.entries(store.getState().saves)) {
        if (save.is === 'unreachable') void this.run(id)
      }
    })
  }

  edit(assistant: Assistant, patch: Partial<DraftFields>): void {
    const { id } = assistant
    const kept = this.kept(id) ?? { edits: {}, base: fieldsOf(assistant.draft), etag: assistant.etag }
    const edits = effective({ ...kept.edits, ...patch }, kept.base)
    this.keep(id, { ...kept, edits })
    if (this.state(id)?.is === 'conflict') return
    this.say(id, { is: 'waiting' })
    this.after(id, PAUSE)
  }

  resume(id: string): void {
    const state = this.state(id)
    if (this.kept(id) && (state === undefined || state.is === 'saved')) void this.run(id)
  }

  async flush(id: string): Promise<boolean> {
    // What was typed while a save was under way needs another one.
    for (let n = 0; n < 3 && this.kept(id) && this.state(id)?.is !== 'conflict'; n++) {
      await this.run(id)
    }
    return this.kept(id) === undefined
  }

  choose(id: string, whose: 'mine' | 'theirs'): void {
    const state = this.state(id)
    const kept = this.kept(id)
    if (state?.is !== 'conflict' || !kept) return
    const base = fieldsOf(state.theirs.draft)
    const dropped = whose === 'theirs' ? state.fields : []
    const left = Object.fromEntries(
      Object.entries(kept.edits).filter(([field]) => !dropped.includes(field as DraftField)),
    )
    this.keep(id, { edits: effective(left, base), base, etag: state.theirs.etag })
    this.say(id, this.kept(id) ? { is: 'waiting' } : { is: 'saved' })
    if (this.kept(id)) void this.run(id)
  }

  private run(id: string): Promise<void> {
    clearTimeout(this.timers.get(id))
    const running = this.running.get(id)
    if (running) return running
    const run = this.send(id).finally(() => this.running.delete(id))
    this.running.set(id, run)
    return run
  }

  private async send(id: string): Promise<void> {
    const kept = this.kept(id)
    if (!kept) return this.say(id, { is: 'saved' })
    const { edits, base, etag } = kept
    if (Object.keys(faults({ ...base, ...edits })).length > 0) return this.say(id, { is: 'faulty' })
    this.say(id, { is: 'saving' })
    const changed = Object.keys(edits) as DraftField[]
    const mask = changed.map((field) => PATHS[field]).join(',')
    try {
      // The name goes along always: the server's rule for it knows no mask.
      const saved = await this.server.save(id, { name: base.name, ...edits }, mask, etag)
      this.tries.delete(id)
      this.stored(id, kept, saved)
    } catch (error) {
      await this.failed(id, error)
    }
  }

  /** What was typed while the save was under way stays, on top of what the server has now. */
  private stored(id: string, sent: KeptEdits, saved: Assistant): void {
    this.server.put(saved)
    const base = fieldsOf(saved.draft)
    const now = this.kept(id)?.edits ?? {}
    const later = Object.fromEntries(
      Object.entries(now).filter(([field, value]) => value !== sent.edits[field as DraftField]),
    )
    this.keep(id, { edits: effective(later, base), base, etag: saved.etag })
    if (!this.kept(id)) return this.say(id, { is: 'saved' })
    this.say(id, { is: 'waiting' })
    this.after(id, PAUSE)
  }

  private async failed(id: string, error: unknown): Promise<void> {
    const known = error instanceof ApiError ? error : new ApiError(0, 'NOT_A_PROBLEM', String(error))
    if (known.reason === 'ETAG_MISMATCH') return this.meet(id)
    if (!known.passing) return this.say(id, { is: 'refused', error: known })
    this.say(id, { is: 'unreachable' })
    const tries = this.tries.get(id) ?? 0
    this.tries.set(id, tries + 1)
    const pause = Math.min(RETRY_FIRST * 2 ** tries, RETRY_MOST)
    this.after(id, Math.max(pause, (known.retryAfter ?? 0) * 1000))
  }

  /** Somebody else wrote first: other fields go together, the same fields are a person's to choose. */
  private async meet(id: string): Promise<void> {
    let theirs: Assistant
    try {
      theirs = await this.server.load(id)
    } catch (error) {
      return this.failed(id, error)
    }
    this.server.put(theirs)
    const kept = this.kept(id)
    if (!kept) return this.say(id, { is: 'saved' })
    const base = fieldsOf(theirs.draft)
    const both = contested(kept.edits, kept.base, base)
    if (both.length > 0) return this.say(id, { is: 'conflict', theirs, fields: both })
    this.keep(id, { edits: effective(kept.edits, base), base, etag: theirs.etag })
    this.say(id, this.kept(id) ? { is: 'waiting' } : { is: 'saved' })
    this.after(id, 0)
  }

  private after(id: string, ms: number): void {
    clearTimeout(this.timers.get(id))
    this.timers.set(
      id,
      setTimeout(() => void this.run(id), ms),
    )
  }

  private kept(id: string): KeptEdits | undefined {
    return this.store.getState().kept[id]
  }

  private state(id: string): SaveState | undefined {
    return this.store.getState().saves[id]
  }

  private keep(id: string, kept: KeptEdits): void {
    const others = Object.fromEntries(
      Object.entries(this.store.getState().kept).filter(([one]) => one !== id),
    )
    const empty = Object.keys(kept.edits).length === 0
    this.store.setState({ kept: empty ? others : { ...others, [id]: kept } })
  }

  private say(id: string, state: SaveState): void {
    this.store.setState(({ saves }) => ({ saves: { ...saves, [id]: state } }))
  }
}
