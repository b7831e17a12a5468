import type { LinkProps } from '@tanstack/react-router'
import type { CauseKind, Explanation } from './kinds'

type Cause = NonNullable<Explanation['cause']>

/** What a silence opens: a screen, or a number that is told to the support. */
export type Target =
  { readonly link: Pick<LinkProps, 'to' | 'params' | 'search' | 'hash'> } | { readonly copy: string }

/** Where to change, or to see, what a silence comes from; `undefined` where there was none. */
export function targetOf(
  cause: Cause,
  explanation: Pick<Explanation, 'assistantId' | 'conversationId' | 'turnId'>,
): Target | undefined {
  const { assistantId, conversationId } = explanation
  const assistant = { id: cause.id || assistantId }
  const targets: Record<Exclude<CauseKind, 'CAUSE_KIND_UNSPECIFIED'>, () => Target> = {
    // The dialogue's side pane says who holds it since when.
    CAUSE_KIND_OPERATOR: () => ({
      link: { to: '/chats/$id', params: { id: conversationId }, search: { side: true } },
    }),
    CAUSE_KIND_CONVERSATION: () => ({
      link: { to: '/chats/$id', params: { id: cause.id || conversationId } },
    }),
    CAUSE_KIND_ASSISTANT: () => ({ link: { to: '/assistants/$id/instruction', params: assistant } }),
    CAUSE_KIND_SCHEDULE: () => ({
      link: { to: '/assistants/$id/instruction', params: assistant, hash: 'schedule' },
    }),
    CAUSE_KIND_STOP_WORD: () => ({
      link: { to: '/assistants/$id/instruction', params: assistant, hash: `stop-word-${cause.index}` },
    }),
    CAUSE_KIND_KNOWLEDGE: () => ({ link: { to: '/assistants/$id/knowledge', params: assistant } }),
    CAUSE_KIND_WALLET: () => ({ link: { to: '/wallet' } }),
    CAUSE_KIND_BUDGET: () => ({ link: { to: '/wallet', hash: cause.id ? `budget-${cause.id}` : 'budget' } }),
    CAUSE_KIND_PLATFORM: () => ({ copy: cause.id || explanation.turnId }),
  }
  return cause.kind === 'CAUSE_KIND_UNSPECIFIED' ? undefined : targets[cause.kind]()
}
