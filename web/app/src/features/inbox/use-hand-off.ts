import { ApiError } from '@neipix/api'
import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { api } from '@app/shared/api'
import { problemText } from '@app/shared/problems'
import { toaster } from '@app/shared/toaster'
import { useCore } from './core'
import type { Conversation } from './kinds'
import { markNow } from './marks'
import { holderOf } from './transcript-items'

type Deed = 'takeOver' | 'return' | 'close'

/** Changes of who answers. What the server answers is taken like an event; what it refuses is told in words. */
export function useHandOff(id: string) {
  const { t } = useTranslation('inbox')
  const core = useCore()
  const deed = useMutation({
    meta: { handled: true },
    mutationFn: async (what: Deed) => {
      const since = markNow()
      core.feed.conversation(await call(id, what), since)
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status === 401) return
      const closed = error instanceof ApiError && error.reason === 'CONVERSATION_CLOSED'
      toaster.show({
        tone: 'danger',
        title: closed ? t('told.conflict') : problemText(error),
        ...(closed && { description: t('told.conflictHint') }),
      })
    },
  })
  return {
    act: deed.mutateAsync,
    pending: deed.isPending ? deed.variables : undefined,
  }
}

async function call(id: string, what: Deed): Promise<Conversation> {
  const request = { params: { path: { id } }, body: {} }
  const { data } =
    what === 'takeOver'
      ? await api.http.POST('/api/v1/chats/{id}:takeOver', request)
      : what === 'return'
        ? await api.http.POST('/api/v1/chats/{id}:return', request)
        : await api.http.POST('/api/v1/chats/{id}:close', request)
  return data!
}

/** Tells the person when somebody else took what they held. */
export function useLossTold(conversation: Conversation | undefined, own: boolean): void {
  const { t } = useTranslation('inbox')
  const { me } = useCore()
  const before = useRef<Conversation>(undefined)
  useEffect(() => {
    const was = before.current
    before.current = conversation
    if (!was || !conversation || own || was.handlerEpoch === conversation.handlerEpoch) return
    const held = holderOf(was)
    if (held.is !== 'operator' || held.member !== me) return
    if (conversation.status === 'CONVERSATION_STATUS_CLOSED') toaster.show({ title: t('told.closed') })
    else if (holderOf(conversation).is === 'operator')
      toaster.show({ title: t('told.lost'), description: t('told.lostHint') })
    else toaster.show({ title: t('told.returned') })
  }, [conversation, own, me, t])
}
