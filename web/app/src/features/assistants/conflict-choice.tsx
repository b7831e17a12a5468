import { Button, Card, CardContent, CardDescription, CardHeader, CardTitle } from '@neipix/ui'
import { useId } from 'react'
import { useTranslation } from 'react-i18next'
import type { SaveState } from './autosave'
import { fieldsOf, type DraftFields } from './draft'
import { useFieldText } from './field-text'

export interface ConflictChoiceProps {
  conflict: Extract<SaveState, { is: 'conflict' }>
  mine: DraftFields
  onChoose: (whose: 'mine' | 'theirs') => void
}

/** Two people wrote the same field: both texts side by side, and a person chooses. */
export function ConflictChoice({ conflict, mine, onChoose }: ConflictChoiceProps) {
  const { t } = useTranslation('assistants')
  const theirs = fieldsOf(conflict.theirs.draft)
  return (
    <Card role="alert" data-slot="conflict" className="border-warn">
      <CardHeader>
        <CardTitle>{t('conflict.title')}</CardTitle>
        <CardDescription>{t('conflict.text')}</CardDescription>
      </CardHeader>
      <CardContent className="grid gap-4 md:grid-cols-2">
        <Side side="mine" fields={mine} which={conflict.fields} onChoose={onChoose} />
        <Side side="theirs" fields={theirs} which={conflict.fields} onChoose={onChoose} />
      </CardContent>
    </Card>
  )
}

interface SideProps {
  side: 'mine' | 'theirs'
  fields: DraftFields
  which: readonly (keyof DraftFields)[]
  onChoose: (whose: 'mine' | 'theirs') => void
}

function Side({ side, fields, which, onChoose }: SideProps) {
  const { t } = useTranslation('assistants')
  const textOf = useFieldText()
  const id = useId()
  return (
    <section aria-labelledby={id} className="flex min-w-0 flex-col gap-3">
      <h3 id={id} className="text-sm font-semibold">
        {t(`conflict.${side}`)}
      </h3>
      <dl className="flex flex-1 flex-col gap-3">
        {which.map((field) => (
          <div key={field} className="flex flex-col gap-1">
            <dt className="text-ink-2 text-xs">{t(`publish.fields.${field}`)}</dt>
            <dd className="bg-sunken max-h-64 overflow-y-auto rounded-md p-3 text-sm break-words whitespace-pre-wrap">
              {textOf(field, fields)}
            </dd>
          </div>
        ))}
      </dl>
      <div>
        <Button variant={side === 'mine' ? 'primary' : 'secondary'} onClick={() => onChoose(side)}>
          {t(side === 'mine' ? 'conflict.keepMine' : 'conflict.keepTheirs')}
        </Button>
      </div>
    </section>
  )
}
