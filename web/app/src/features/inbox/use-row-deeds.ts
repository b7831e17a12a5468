import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { api } from '@app/shared/api'
import { useMay } from '@app/shared/session'
import { useCore } from './core'
import type { Message } from './kinds'
import { markNow } from './marks'
import type { TranscriptItem } from './transcript-items'
import type { RowDeeds } from './transcript-row'
import type { useHandOff } from './use-hand-off'

interface RowDeedsInput {
  readonly conversation: { readonly id: string; readonly assistantId: string }
  readonly onWhy: (why: string) => void
  readonly handOff: ReturnType<typeof useHandOff>
}

/** What can be done with the lines of a dialogue. */
export function useRowDeeds({ conversation, onWhy, handOff }: RowDeedsInput) {
  const core = useCore()
  const navigate = useNavigate()
  const mayReply = useMay('chats.reply')
  const { id, assistantId } = conversation
  const { act } = handOff
  const {
    mutate: resend,
    variables,
    isPending,
  } = useMutation({
    mutationFn: async (message: Message) => {
      const since = markNow()
      const { data } = await api.http.POST('/api/v1/chats/{conversationId}/messages/{id}:resend', {
        params: {
          path: { conversationId: id, id: message.id },
          header: { 'Idempotency-Key': crypto.randomUUID() },
        },
        body: {},
      })
      core.feed.message(data!, since)
    },
  })
  const resending = isPending ? variables.id : undefined
  return useMemo(
    (): RowDeeds & { countsAsNew: (item: TranscriptItem) => boolean } => ({
      me: core.me,
      onWhy,
      onFile: (fileId) =>
        void navigate({
          to: '/assistants/$id/knowledge',
          params: { id: assistantId },
          hash: `file-${fileId}`,
        }),
      onResend: mayReply && resending === undefined ? resend : undefined,
      onAgain: (item) => core.again(item),
      onDiscard: (item) => core.outbox.discard(item.id),
      onTakeAndSend: (item) =>
        void act('takeOver').then(
          () => core.outbox.again(item.id),
          () => undefined,
        ),
      countsAsNew: (item) =>
        item.kind === 'answer' ||
        (item.kind === 'message' &&
          !(item.message.author === 'AUTHOR_OPERATOR' && item.message.authorMemberId === core.me)),
    }),
    [core, onWhy, navigate, assistantId, mayReply, resending, resend, act],
  )
}
