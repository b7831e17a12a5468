import * as z from 'zod'
import type { DialogueFilter } from './dialogue-list'

/** The list's filters in the address; short names, since people read and share them. */
export const listSearch = z.object({
  status: z.enum(['open', 'pending', 'closed']).optional().catch(undefined),
  handler: z.enum(['assistant', 'operator', 'nobody']).optional().catch(undefined),
  assistant: z.uuid().optional().catch(undefined),
  q: z.string().max(200).optional().catch(undefined),
})

export type ListSearch = z.infer<typeof listSearch>

/** What is open beside a dialogue. */
export const dialogueSearch = z.object({
  /** The side pane on screens too narrow for three. */
  side: z.boolean().optional().catch(undefined),
  /** What is explained: `turn:<id>` or `message:<id>`. */
  why: z
    .string()
    .regex(/^(turn|message):[0-9a-f-]{36}$/)
    .optional()
    .catch(undefined),
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
