import { ApiError, type Schemas } from '@neipix/api'
import { expect, test, vi } from 'vitest'
import { createUploads, type UploadServer } from './uploads'

type KnowledgeFile = Schemas['KnowledgeFile']
const ASSISTANT = '01960000-0000-7000-8000-000000000001'
const file = (name: string) => new File(['x'.repeat(10)], name)
const settled = () => vi.waitFor(() => undefined)

/** A storage that takes each file when it is told to. */
function storage() {
  const posts: {
    name: string
    finish: () => void
    fail: (error: Error) => void
    progress: (n: number) => void
  }[] = []
  let announced = 0
  const server: UploadServer = {
    announce: vi.fn(({ name }) => {
      announced += 1
      const announcedFile = { id: `f${announced}`, name } as KnowledgeFile
      return Promise.resolve({ file: announcedFile, upload: { url: 's3', fields: {} } })
    }),
    post: (_target, { name }, { onProgress, signal }) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(new DOMException('stopped', 'AbortError')))
        posts.push({ name, finish: resolve, fail: reject, progress: onProgress })
      }),
    confirm: vi.fn((_assistant, id) => Promise.resolve({ id } as KnowledgeFile)),
    discard: vi.fn(() => Promise.resolve()),
    done: vi.fn(() => Promise.resolve()),
  }
  return { server, posts }
}

test('three files travel at once, the fourth when one has arrived', async () => {
  const { server, posts } = storage()
  const uploads = createUploads(server)
  uploads.add(ASSISTANT, ['a.txt', 'b.txt', 'c.txt', 'd.txt'].map(file))
  await vi.waitFor(() => expect(posts).toHaveLength(3))
  expect(uploads.store.getState().list.map(({ state }) => state)).toEqual([
    'sending',
    'sending',
    'sending',
    'waiting',
  ])
  posts[1]?.finish()
  await vi.waitFor(() => expect(posts).toHaveLength(4))
  expect(server.done).toHaveBeenCalledWith({ id: 'f2' })
  expect(uploads.store.getState().list.map(({ name }) => name)).toEqual(['a.txt', 'c.txt', 'd.txt'])
})

test('progress is told in bytes of the file', async () => {
  const { server, posts } = storage()
  const uploads = createUploads(server)
  uploads.add(ASSISTANT, [file('a.txt')])
  await vi.waitFor(() => expect(posts).toHaveLength(1))
  posts[0]?.progress(6)
  expect(uploads.store.getState().list[0]).toMatchObject({ sent: 6, size: 10 })
})

test('a failed file keeps its reason, others go on; a retry announces it anew and takes the old one back', async () => {
  const { server, posts } = storage()
  const uploads = createUploads(server)
  uploads.add(ASSISTANT, [file('a.txt'), file('b.txt')])
  await vi.waitFor(() => expect(posts).toHaveLength(2))
  posts[0]?.fail(new ApiError(0, 'NETWORK', 'lost'))
  posts[1]?.finish()
  await vi.waitFor(() => expect(server.done).toHaveBeenCalledTimes(1))
  const [failed] = uploads.store.getState().list
  expect(failed).toMatchObject({ name: 'a.txt', state: 'failed', reason: 'NETWORK' })
  uploads.retry(failed?.id ?? '')
  await vi.waitFor(() => expect(posts).toHaveLength(3))
  expect(server.discard).toHaveBeenCalledWith(ASSISTANT, 'f1')
  posts[2]?.finish()
  await vi.waitFor(() => expect(uploads.store.getState().list).toEqual([]))
  expect(server.confirm).toHaveBeenLastCalledWith(ASSISTANT, 'f3')
})

test('a cancelled file is stopped, taken back and confirmed never', async () => {
  const { server, posts } = storage()
  const uploads = createUploads(server)
  uploads.add(ASSISTANT, [file('a.txt')])
  await vi.waitFor(() => expect(posts).toHaveLength(1))
  uploads.cancel(uploads.store.getState().list[0]?.id ?? '')
  await settled()
  expect(server.discard).toHaveBeenCalledWith(ASSISTANT, 'f1')
  expect(server.confirm).not.toHaveBeenCalled()
  expect(uploads.store.getState().list).toEqual([])
})

test('a refusal of the announcement names the server’s reason', async () => {
  const { server } = storage()
  server.announce = () => Promise.reject(new ApiError(409, 'FILE_LIMIT', 'too many'))
  const uploads = createUploads(server)
  uploads.add(ASSISTANT, [file('a.txt')])
  await vi.waitFor(() =>
    expect(uploads.store.getState().list[0]).toMatchObject({ state: 'failed', reason: 'FILE_LIMIT' }),
  )
})
