import { zodResolver } from '@hookform/resolvers/zod'
import { ApiError } from '@neipix/api'
import { Button, Field, Input, RadioGroup } from '@neipix/ui'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { Controller, useForm } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import * as z from 'zod/mini'
import { lengthOf, NAME_MAX } from './draft'
import { useProblemText } from './problem'
import { useCreateAssistant } from './queries'

const TASKS = ['answers', 'booking', 'support'] as const

const schema = z.object({
  name: z.string().check(
    z.refine((name) => name.trim() !== '', 'name_empty'),
    z.refine((name) => lengthOf(name) <= NAME_MAX, 'name_long'),
  ),
  task: z.enum(TASKS),
})

/** Two questions, and on to the knowledge: an assistant without a file has nothing to say. */
export function CreateForm() {
  const { t } = useTranslation('assistants')
  const navigate = useNavigate()
  const create = useCreateAssistant()
  const problemText = useProblemText()
  const [key, setKey] = useState(() => crypto.randomUUID())
  const form = useForm({
    resolver: zodResolver(schema),
    defaultValues: { name: '', task: 'answers' as const },
  })
  const { errors } = form.formState
  const submit = form.handleSubmit(async ({ name, task }) => {
    const input = { name: name.trim(), instruction: t(`new.instructions.${task}`), key }
    try {
      const { id } = await create.mutateAsync(input)
      await navigate({ to: '/assistants/$id/knowledge', params: { id } })
    } catch (error) {
      // What is typed next is another assistant; only the same words may be sent under the same key.
      if (!(error instanceof ApiError && error.passing)) setKey(crypto.randomUUID())
      form.setError('root', { message: problemText(error) })
    }
  })
  const fault = errors.name?.message === 'name_long' ? 'name_long' : 'name_empty'
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex max-w-xl flex-col gap-6">
      <Field
        label={t('new.name')}
        hint={t('new.nameHint')}
        error={errors.name ? t(`form.faults.${fault}`) : undefined}
      >
        <Input
          // The screen is this one question: whoever opens it came to answer it.
          // eslint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          autoComplete="off"
          placeholder={t('new.namePlaceholder')}
          {...form.register('name')}
        />
      </Field>
      <Controller
        control={form.control}
        name="task"
        render={({ field }) => (
          <Field label={t('new.task')} labelAs="span">
            <RadioGroup
              options={TASKS.map((value) => ({
                value,
                label: t(`new.tasks.${value}`),
                hint: t(`new.tasks.${value}Hint`),
              }))}
              value={field.value}
              onValueChange={field.onChange}
            />
          </Field>
        )}
      />
      {errors.root ? (
        <p role="alert" className="text-danger text-sm">
          {errors.root.message}
        </p>
      ) : null}
      <div>
        <Button type="submit" variant="primary" size="lg" loading={form.formState.isSubmitting}>
          {t('new.submit')}
        </Button>
      </div>
    </form>
  )
}
