import { Bubble, buttonVariants, Empty, PixelPortrait, Transcript, type TranscriptHandle } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import type { Ref } from 'react'
import { useTranslation } from 'react-i18next'
import { AnswerView, useShownTime, type AnswerProps, type Answerer } from './answer-view'
import type { ShownTurn } from './shown-turns'

export interface DialogueProps extends Omit<AnswerProps, 'turn'> {
  turns: readonly ShownTurn[]
  answerer: Answerer
  ref?: Ref<TranscriptHandle>
}

interface Item {
  key: string
  part: 'question' | 'answer'
  turn: ShownTurn
}

const keyOf = ({ key }: Item) => key

/** Questions and answers of the test, oldest first. */
export function Dialogue({ turns, ref, ...answers }: DialogueProps) {
  const { t } = useTranslation('testing')
  if (turns.length === 0) return <Nothing answerer={answers.answerer} />
  const items = turns.flatMap((turn): Item[] => [
    { key: `${turn.key} q`, part: 'question', turn },
    { key: `${turn.key} a`, part: 'answer', turn },
  ])
  const last = turns.at(-1)
  return (
    <Transcript
      {...(ref ? { ref } : {})}
      items={items}
      keyOf={keyOf}
      labels={{
        name: t('dialogue'),
        newMessages: (count) => t('newMessages', { count }),
        toEnd: t('toEnd'),
        loadingOlder: t('loading', { ns: 'common' }),
      }}
      countsAsNew={({ part }) => part === 'answer'}
      answer={
        last?.state === 'running'
          ? { state: 'streaming', label: t('answering') }
          : { state: 'done', text: last?.answer ?? '' }
      }
    >
      {({ part, turn }) =>
        part === 'question' ? <Question turn={turn} /> : <AnswerView turn={turn} {...answers} />
      }
    </Transcript>
  )
}

function Question({ turn }: { turn: ShownTurn }) {
  const { t } = useTranslation('testing')
  const time = useShownTime(turn.askedAt)
  const author = { kind: 'contact', id: 'me', name: t('you'), kindLabel: t('asCustomer') } as const
  return (
    <Bubble own author={author} time={time}>
      <p dir="auto" className="break-words whitespace-pre-wrap">
        {turn.question}
      </p>
    </Bubble>
  )
}

function Nothing({ answerer }: { answerer: Answerer }) {
  const { t } = useTranslation('testing')
  return (
    <Empty
      icon={<PixelPortrait id={answerer.id} size={56} className="mb-2" />}
      title={t('empty')}
      hint={t('emptyHint')}
      action={
        <Link
          to="/assistants/$id/knowledge"
          params={{ id: answerer.id }}
          className={buttonVariants({ variant: 'link' })}
        >
          {t('toKnowledge')}
        </Link>
      }
      className="h-full"
    />
  )
}
