import { CopyField, Time, cleanText } from '@neipix/ui'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { useAssistantName } from './assistants'
import { WhoAnswers } from './dialogue-header'
import type { Conversation } from './kinds'

/** What is known of the customer and of the dialogue. */
export function ContactPane({
  conversation,
  bare = false,
}: {
  readonly conversation: Conversation
  readonly bare?: boolean
}) {
  const { t } = useTranslation('inbox')
  const assistant = useAssistantName(conversation.assistantId)
  const { contact, createTime, updateTime } = conversation
  return (
    <div data-slot="contact-pane" className="flex flex-col gap-4 text-sm">
      {!bare && <h3 className="font-semibold">{t('side.title')}</h3>}
      <dl className="flex flex-col gap-3">
        <Row name={t('side.name')}>{cleanText(contact?.displayName ?? '') || t('guest')}</Row>
        <Row name={t('side.channel')}>{t(`channels.${conversation.channelKind}`)}</Row>
        <Row name={t('side.assistant')}>{cleanText(assistant) || t('assistant')}</Row>
        <Row name={t('side.holder')}>
          <WhoAnswers conversation={conversation} />
        </Row>
        <Row name={t('side.status')}>{t(`side.statuses.${conversation.status}`)}</Row>
        {createTime && (
          <Row name={t('side.begun')}>
            <Time value={createTime} show="full" />
          </Row>
        )}
        {updateTime && (
          <Row name={t('side.active')}>
            <Time value={updateTime} />
          </Row>
        )}
        <Row name={t('side.messages')}>{conversation.lastSeq}</Row>
      </dl>
      <CopyField
        value={conversation.id}
        label={t('side.id')}
        labels={t('side.copy', { returnObjects: true })}
      />
    </div>
  )
}

function Row({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <div className="flex flex-col gap-0.5">
      <dt className="text-ink-2 text-xs">{name}</dt>
      <dd className="min-w-0 break-words">{children}</dd>
    </div>
  )
}
