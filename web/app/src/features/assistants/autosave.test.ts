import { ApiError } from '@neipix/api'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createAutosave, type AutosaveServer } from './autosave'
import type { Assistant, DraftFields } from './draft'

const ID = '01960000-0000-7000-8000-000000000001'

const assistant = (etag: number, draft: Partial<DraftFields> = {}): Assistant => ({
  id: ID,
  status: 'ASSISTANT_STATUS_DRAFT',
  draft: { name: 'Анна', description: '', instruction: 'Отвечай кратко.', stopWords: [], ...draft },
  publishedVersion: 0,
  unpublishedChanges: true,
  etag: String(etag),
})

/** A server with one assistant, which others may change too. */
class Server implements AutosaveServer {
  now = assistant(1)
  readonly saves: { mask: string; etag: string }[] = []
  readonly put = vi.fn()
  fail: ApiError | undefined

  async save(_id: string, fields: Partial<DraftFields>, mask: string, etag: string): Promise<Assistant> {
    this.saves.push({ mask, etag })
    await Promise.resolve()
    if (this.fail) throw this.fail
    if (etag !== this.now.etag) throw new ApiError(412, 'ETAG_MISMATCH', 'changed meanwhile')
    return this.write(fields)
  }

  load(): Promise<Assistant> {
    return Promise.resolve(this.now)
  }

  write(fields: Partial<DraftFields>): Assistant {
    const draft = { ...this.now.draft, ...fields } as NonNullable<Assistant['draft']>
    this.now = { ...this.now, draft, etag: String(Number(this.now.etag) + 1) }
    return this.now
  }
}

let server: Server
let autosave: ReturnType<typeof createAutosave>
const state = () => autosave.store.getState().saves[ID]
const kept = () => autosave.store.getState().kept[ID]

beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
  server = new Server()
  autosave = createAutosave(server, () => localStorage)
})
afterEach(() => vi.useRealTimers())

describe('saving', () => {
  test('begins within a second of a pause, once for all that was typed', async () => {
    autosave.edit(server.now, { instruction: 'Отвечай' })
    await vi.advanceTimersByTimeAsync(400)
    autosave.edit(server.now, { instruction: 'Отвечай подробно.' })
    await vi.advanceTimersByTimeAsync(400)
    expect(server.saves).toEqual([])
    await vi.advanceTimersByTimeAsync(600)
    expect(server.saves).toEqual([{ mask: 'draft.instruction', etag: '1' }])
    expect(server.now.draft?.instruction).toBe('Отвечай подробно.')
    expect(state()).toEqual({ is: 'saved' })
    expect(kept()).toBeUndefined()
  })

  test('what is typed while a save is under way is saved after it, on the new etag', async () => {
    autosave.edit(server.now, { name: 'Анна К' })
    vi.advanceTimersByTime(700)
    autosave.edit(server.now, { name: 'Анна Котова' })
    await vi.advanceTimersByTimeAsync(700)
    expect(server.saves.map(({ etag }) => etag)).toEqual(['1', '2'])
    expect(server.now.draft?.name).toBe('Анна Котова')
  })

  test('an edit taken back sends nothing', async () => {
    autosave.edit(server.now, { name: 'Б' })
    autosave.edit(server.now, { name: 'Анна' })
    await vi.advanceTimersByTimeAsync(2000)
    expect(server.saves).toEqual([])
  })

  test('what breaks a rule is not sent and not lost', async () => {
    autosave.edit(server.now, { instruction: 'Привет, {client.name}' })
    await vi.advanceTimersByTimeAsync(2000)
    expect(server.saves).toEqual([])
    expect(state()?.is).toBe('faulty')
    expect(kept()?.edits.instruction).toBe('Привет, {client.name}')
  })

  test('a lost network is tried again until it is back', async () => {
    server.fail = new ApiError(0, 'NETWORK', 'lost')
    autosave.edit(server.now, { temperature: 0.8 })
    await vi.advanceTimersByTimeAsync(1000)
    expect(state()?.is).toBe('unreachable')
    server.fail = undefined
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.now.draft?.temperature).toBe(0.8)
    expect(state()?.is).toBe('saved')
  })

  test('a refusal is told and ends the tries', async () => {
    server.fail = new ApiError(409, 'ASSISTANT_STATE', 'archived')
    autosave.edit(server.now, { temperature: 0.8 })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.saves).toHaveLength(1)
    expect(state()).toMatchObject({ is: 'refused', error: { reason: 'ASSISTANT_STATE' } })
  })

  test('flush saves at once and says whether all is there', async () => {
    autosave.edit(server.now, { name: 'Ольга' })
    expect(await autosave.flush(ID)).toBe(true)
    expect(server.now.draft?.name).toBe('Ольга')
    server.fail = new ApiError(503, 'UNAVAILABLE', 'later')
    autosave.edit(server.now, { name: 'Вера' })
    expect(await autosave.flush(ID)).toBe(false)
  })
})

describe('a reload', () => {
  test('loses nothing that was typed, and saves it', async () => {
    autosave.edit(server.now, { instruction: 'Новая инструкция' })
    const opened = createAutosave(server, () => localStorage)
    expect(opened.store.getState().kept[ID]?.edits).toEqual({ instruction: 'Новая инструкция' })
    opened.resume(ID)
    await vi.advanceTimersByTimeAsync(0)
    expect(server.now.draft?.instruction).toBe('Новая инструкция')
  })

  test('what somebody else left in the storage does not break the screen', () => {
    localStorage.setItem('npx:drafts', '{"state":{"kept":{"a":{"edits":{"name":7}}}},"version":1}')
    expect(createAutosave(server, () => localStorage).store.getState().kept).toEqual({})
  })
})

describe('two people', () => {
  test('who change different fields both win, without a question', async () => {
    const seen = server.now
    server.write({ name: 'Ольга' })
    autosave.edit(seen, { instruction: 'Моё' })
    await vi.advanceTimersByTimeAsync(1000)
    expect(server.now.draft).toMatchObject({ name: 'Ольга', instruction: 'Моё' })
    expect(state()?.is).toBe('saved')
  })

  const clash = async () => {
    const seen = server.now
    server.write({ instruction: 'Их' })
    autosave.edit(seen, { instruction: 'Моё', temperature: 0.9 })
    await vi.advanceTimersByTimeAsync(1000)
    expect(state()).toMatchObject({ is: 'conflict', fields: ['instruction'] })
    expect(server.now.draft?.instruction).toBe('Их')
  }

  test('who change the same field are asked; mine overwrites', async () => {
    await clash()
    autosave.choose(ID, 'mine')
    await vi.advanceTimersByTimeAsync(1000)
    expect(server.now.draft).toMatchObject({ instruction: 'Моё', temperature: 0.9 })
    expect(state()?.is).toBe('saved')
  })

  test('theirs stays, and my other fields are saved', async () => {
    await clash()
    autosave.choose(ID, 'theirs')
    await vi.advanceTimersByTimeAsync(1000)
    expect(server.now.draft).toMatchObject({ instruction: 'Их', temperature: 0.9 })
    expect(kept()).toBeUndefined()
  })

  test('while nobody has chosen, further typing is kept and not sent', async () => {
    await clash()
    const sent = server.saves.length
    autosave.edit(server.now, { instruction: 'Моё, дальше' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(server.saves).toHaveLength(sent)
    expect(kept()?.edits.instruction).toBe('Моё, дальше')
  })

  test('mine meets a third change: the question comes again', async () => {
    await clash()
    server.write({ instruction: 'Третий' })
    autosave.choose(ID, 'mine')
    await vi.advanceTimersByTimeAsync(1000)
    expect(state()).toMatchObject({ is: 'conflict', theirs: { draft: { instruction: 'Третий' } } })
  })
})
