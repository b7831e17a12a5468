import {
  Button,
  Card,
  CardContent,
  CardHeader,
  CardTitle,
  Field,
  Input,
  RadioGroup,
  Select,
  Slider,
  Textarea,
} from '@neipix/ui'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { useQueryClient } from '@tanstack/react-query'
import { useMay } from '@app/shared/session'
import { ConflictChoice } from './conflict-choice'
import { faults, INSTRUCTION_MAX, lengthOf, unknownVariable, type Assistant, type DraftFields } from './draft'
import { autosaveOf, useDraft } from './drafts'
import { LENGTHS, temperatureWord } from './field-text'
import { RulesCard } from './rules-card'

/** How the assistant answers. There is no button to save: what is typed is saved after a pause. */
export function InstructionForm({ assistant }: { assistant: Assistant }) {
  const { t } = useTranslation('assistants')
  const draft = useDraft(assistant)
  const mayWrite = useMay('assistants.write')
  const fixed = !mayWrite || assistant.status === 'ASSISTANT_STATUS_ARCHIVED'
  const saver = autosaveOf(useQueryClient())
  // What a former visit left unsaved.
  useEffect(() => saver.resume(assistant.id), [saver, assistant.id])
  const parts = { fields: draft.fields, edit: draft.edit, fixed }
  return (
    <div className="flex flex-col gap-4">
      {draft.save?.is === 'conflict' ? (
        <ConflictChoice conflict={draft.save} mine={draft.fields} onChoose={draft.choose} />
      ) : null}
      {mayWrite ? null : <p className="text-ink-2 text-sm">{t('form.readOnly')}</p>}
      <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <Card>
          <CardContent className="flex flex-col gap-5">
            <Words {...parts} />
          </CardContent>
        </Card>
        <div className="flex min-w-0 flex-col gap-4">
          <Card>
            <CardHeader>
              <CardTitle>{t('form.behaviour')}</CardTitle>
            </CardHeader>
            <CardContent className="flex flex-col gap-6">
              <Behaviour {...parts} />
            </CardContent>
          </Card>
          <RulesCard spec={assistant.draft} />
        </div>
      </div>
    </div>
  )
}

interface PartProps {
  fields: DraftFields
  edit: (patch: Partial<DraftFields>) => void
  fixed: boolean
}

function Words({ fields, edit, fixed }: PartProps) {
  const { t } = useTranslation('assistants')
  const found = faults(fields)
  return (
    <>
      <Field label={t('form.name')} error={found.name ? t(`form.faults.${found.name}`) : undefined}>
        <Input
          value={fields.name}
          readOnly={fixed}
          autoComplete="off"
          onChange={(event) => edit({ name: event.target.value })}
        />
      </Field>
      <Instruction fields={fields} edit={edit} fixed={fixed} />
      <Field
        label={t('form.description')}
        hint={t('form.descriptionHint')}
        aside={t('optional', { ns: 'common' })}
        error={found.description ? t(`form.faults.${found.description}`) : undefined}
      >
        <Textarea
          minRows={2}
          maxRows={6}
          value={fields.description}
          readOnly={fixed}
          onChange={(event) => edit({ description: event.target.value })}
        />
      </Field>
    </>
  )
}

const VARIABLES = [
  ['contact', '{contact.name}'],
  ['assistant', '{assistant.name}'],
  ['today', '{today}'],
] as const

function Instruction({ fields, edit, fixed }: PartProps) {
  const { t, i18n } = useTranslation('assistants')
  const area = useRef<HTMLTextAreaElement>(null)
  const { instruction } = fields
  const fault = faults(fields).instruction
  const variable = `{${unknownVariable(instruction) ?? ''}}`
  const number = new Intl.NumberFormat(i18n.language)
  const insert = (text: string) => {
    const { selectionStart: from, selectionEnd: to } = area.current ?? {
      selectionStart: instruction.length,
      selectionEnd: instruction.length,
    }
    edit({ instruction: instruction.slice(0, from) + text + instruction.slice(to) })
    // After the new text is drawn, the caret stands behind what was put in.
    requestAnimationFrame(() => {
      area.current?.focus()
      area.current?.setSelectionRange(from + text.length, from + text.length)
    })
  }
  return (
    <div className="flex flex-col gap-2">
      <Field
        label={t('form.instruction')}
        hint={t('form.instructionHint')}
        aside={t('form.left', {
          length: number.format(lengthOf(instruction)),
          max: number.format(INSTRUCTION_MAX),
        })}
        error={fault ? t(`form.faults.${fault}`, { variable }) : undefined}
      >
        <Textarea
          ref={area}
          minRows={12}
          maxRows={28}
          value={instruction}
          readOnly={fixed}
          placeholder={t('form.instructionPlaceholder')}
          onChange={(event) => edit({ instruction: event.target.value })}
        />
      </Field>
      {fixed ? null : (
        <div role="group" aria-label={t('form.variables')} className="flex flex-wrap items-center gap-1.5">
          <span aria-hidden className="text-ink-2 text-xs">
            {t('form.variables')}:
          </span>
          {VARIABLES.map(([name, text]) => (
            <Button key={name} size="sm" onClick={() => insert(text)}>
              {t(`form.variable.${name}`)}
            </Button>
          ))}
        </div>
      )}
    </div>
  )
}

const DELAYS = [0, 2, 5, 10, 20, 30, 60]

function Behaviour({ fields, edit, fixed }: PartProps) {
  const { t } = useTranslation('assistants')
  const delays = [...new Set([...DELAYS, fields.answerDelaySeconds])].sort((a, b) => a - b)
  const lengths = [...new Set([...Object.values(LENGTHS), fields.maxOutputTokens])].sort((a, b) => a - b)
  const nameOf = (tokens: number) => {
    const known = (['short', 'usual', 'long'] as const).find((name) => LENGTHS[name] === tokens)
    return known ? t(`form.lengths.${known}`) : t('form.tokens', { count: tokens })
  }
  return (
    <>
      <Field label={t('form.temperature')} labelAs="span" hint={t('form.temperatureHint')} disabled={fixed}>
        <Slider
          value={Math.round(fields.temperature * 10)}
          min={0}
          max={10}
          valueText={(value) => t(`form.temperatures.${temperatureWord(value / 10)}`)}
          disabled={fixed}
          onValueChange={(value) => edit({ temperature: value / 10 })}
        />
      </Field>
      <Field label={t('form.length')} labelAs="span" disabled={fixed}>
        <RadioGroup
          options={lengths.map((tokens) => ({ value: String(tokens), label: nameOf(tokens) }))}
          value={String(fields.maxOutputTokens)}
          disabled={fixed}
          onValueChange={(value) => edit({ maxOutputTokens: Number(value) })}
        />
      </Field>
      <Field label={t('form.delay')} labelAs="span" hint={t('form.delayHint')} disabled={fixed}>
        <Select
          options={delays.map((seconds) => ({
            value: String(seconds),
            label: seconds === 0 ? t('form.delayNone') : t('form.seconds', { count: seconds }),
          }))}
          value={String(fields.answerDelaySeconds)}
          disabled={fixed}
          onValueChange={(value) => edit({ answerDelaySeconds: Number(value) })}
        />
      </Field>
      <div className="flex flex-col gap-1">
        <p className="text-sm font-medium">{t('form.model')}</p>
        <p className="text-sm">{t('form.modelAuto')}</p>
        <p className="text-ink-2 text-xs">{t('form.modelHint')}</p>
      </div>
    </>
  )
}
