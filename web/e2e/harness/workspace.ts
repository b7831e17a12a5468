import { expect } from '@playwright/test'
import type { Person, Product } from './product'

/** What the file of every ready workspace says. */
export const FILE = `Доставка

Доставка по Москве стоит 350 рублей и занимает один день. При заказе от 5000 рублей доставка бесплатна.

Возврат

Вернуть товар можно в течение 14 дней, если он не был в употреблении.
`

/** A company whose assistant has read a file and answers customers. */
export interface Workspace {
  owner: Person
  assistant: string
  /** Calls as the owner. */
  call: <T>(verb: string, path: string, body?: unknown) => Promise<T>
}

interface Announced {
  file: { id: string }
  upload: { url: string; fields: Record<string, string> }
}

/** Makes one by the API: what a test is not about need not be clicked. */
export async function readyWorkspace(product: Product): Promise<Workspace> {
  const owner = await product.make({ workspace: 'Лавка у моря' })
  const token = await product.signIn(owner)
  const call = <T>(verb: string, path: string, body?: unknown) => product.call<T>(verb, path, body, token)
  const draft = {
    name: 'Марина',
    instruction: 'Ты консультант магазина. Отвечай коротко.',
    answerDelaySeconds: 0,
  }
  const { id } = await call<{ id: string }>('POST', '/api/v1/assistants', { draft })
  const files = `/api/v1/assistants/${id}/files`
  const bytes = new TextEncoder().encode(FILE)
  const { file, upload } = await call<Announced>('POST', files, {
    name: 'Доставка и возврат.txt',
    sizeBytes: String(bytes.length),
  })
  const form = new FormData()
  for (const [name, value] of Object.entries(upload.fields)) form.append(name, value)
  form.append('file', new Blob([bytes]), 'file.txt')
  const stored = await fetch(upload.url, { method: 'POST', body: form })
  expect(stored.ok, 'the storage takes the file').toBe(true)
  await call('POST', `${files}/${file.id}:confirm`, {})
  await expect
    .poll(async () => (await call<{ status: string }>('GET', `${files}/${file.id}`)).status, {
      timeout: 60_000,
    })
    .toBe('FILE_STATUS_READY')
  await call('POST', `/api/v1/assistants/${id}:publish`, {})
  return { owner, assistant: id, call }
}

/** A dialogue that a customer began by the API, answered by the assistant. */
export async function askedBy(
  { assistant, call }: Workspace,
  customer: string,
  text: string,
): Promise<string> {
  const asked = await call<{ conversationId: string }>('POST', '/api/v1/channels/api/messages', {
    assistantId: assistant,
    contactExternalId: customer,
    externalId: `${customer}-${text}`,
    text,
    waitSeconds: 30,
  })
  return asked.conversationId
}
