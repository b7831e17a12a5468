import { useQuery } from '@tanstack/react-query'
import { api } from '@app/shared/api'
import { ExplanationSheet } from '@app/widgets/explanation/explanation-sheet'
import { useState } from 'react'

export interface WhySheetProps {
  readonly conversation: string
  /** `turn:<id>` or `message:<id>`; `undefined` = closed. */
  readonly why: string | undefined
  readonly onClose: () => void
}

/** The explanation of a turn, or of a message that opened none. */
export default function WhySheet({ conversation, why, onClose }: WhySheetProps) {
  // What was open is kept while the sheet goes away.
  const [shown, setShown] = useState(why)
  if (why !== undefined && why !== shown) setShown(why)
  const [kind, id = ''] = (shown ?? '').split(':')
  const params = { params: { path: { conversationId: conversation, id } } }
  // A turn that runs may be explained otherwise a moment later: read at each opening.
  const options = { enabled: why !== undefined, staleTime: 0 }
  const turn = useQuery({
    ...api.query.queryOptions('get', '/api/v1/chats/{conversationId}/turns/{id}/explanation', params),
    ...options,
    enabled: options.enabled && kind === 'turn',
  })
  const message = useQuery({
    ...api.query.queryOptions('get', '/api/v1/chats/{conversationId}/messages/{id}/explanation', params),
    ...options,
    enabled: options.enabled && kind === 'message',
  })
  const query = kind === 'message' ? message : turn
  const silent = query.data ? query.data.reason !== 'SILENCE_REASON_UNSPECIFIED' : kind === 'message'
  return (
    <ExplanationSheet
      open={why !== undefined}
      onOpenChange={(open) => {
        if (!open) onClose()
      }}
      about={silent ? 'silence' : 'answer'}
      query={query}
    />
  )
}
