import * as z from 'zod/mini'
import type { DialogueFilter } from './dialogue-list'

/** What is wrong in an address counts as left out. */
const given = <Schema extends z.ZodMiniType>(schema: Schema) => z.catch(z.optional(schema), undefined)

/** The list's filters in the address; short names, since people read and share them. */
export const listSearch = z.object({
  status: given(z.enum(['open', 'pending', 'closed'])),
  handler: given(z.enum(['assistant', 'operator', 'nobody'])),
  assistant: given(z.uuid()),
  q: given(z.string().check(z.maxLength(200))),
})

export type ListSearch = z.infer<typeof listSearch>

/** What is open beside a dialogue. */
export const dialogueSearch = z.object({
  /** The side pane on screens too narrow for three. */
  side: given(z.boolean()),
  /** What is explained: `turn:<id>` or `message:<id>`. */
  why: given(z.string().check(z.regex(/^(turn|message):[0-9a-f-]{36}$/))),
})

export type DialogueSearch = z.infer<typeof dialogueSearch>

const STATUS = {
  open: 'CONVERSATION_STATUS_OPEN',
  pending: 'CONVERSATION_STATUS_PENDING',
  closed: 'CONVERSATION_STATUS_CLOSED',
} as const

const HANDLER = {
  assistant: 'HANDLER_ASSISTANT',
  operator: 'HANDLER_OPERATOR',
  nobody: 'HANDLER_NOBODY',
} as const

/** The filters as the server takes them; the same filters are the same key of a list. */
export function filterOf({ status, handler, assistant, q }: ListSearch): DialogueFilter {
  return {
    ...(status && { status: STATUS[status] }),
    ...(handler && { handler: HANDLER[handler] }),
    ...(assistant && { assistantId: assistant }),
    ...(q && { q }),
  }
}
