import { zodResolver } from '@hookform/resolvers/zod'
import { Banner, Button, Field, Input } from '@neipix/ui'
import { useForm } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import * as z from 'zod/mini'
import { tellForm } from '@app/shared/forms'
import { usePreferences } from '@app/shared/preferences'
import { PasswordInput } from './password-input'
import { awaitCode } from './pending'
import { useRegister } from './queries'

const schema = z.object({
  name: z.string().check(z.trim(), z.minLength(1), z.maxLength(100)),
  workspaceName: z.string().check(z.trim(), z.maxLength(100)),
  email: z.string().check(z.trim(), z.email(), z.maxLength(254)),
  password: z.string().check(z.minLength(8), z.maxLength(200)),
})

/** Who registers; the code is asked for when the letter is on its way. */
export function RegisterForm() {
  const { t } = useTranslation(['auth', 'common'])
  const locale = usePreferences((preferences) => preferences.language)
  const start = useRegister()
  const { register, handleSubmit, setError, formState } = useForm({
    resolver: zodResolver(schema),
    defaultValues: { name: '', workspaceName: '', email: '', password: '' },
  })
  const { errors } = formState
  const submit = handleSubmit(async (values) => {
    try {
      const { registrationId } = await start.mutateAsync({ ...values, locale })
      awaitCode(registrationId, values.email)
    } catch (error) {
      tellForm(error, setError, ['name', 'workspaceName', 'email', 'password'])
    }
  })
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      {errors.root?.message ? (
        <Banner tone="danger" className="rounded-md">
          {errors.root.message}
        </Banner>
      ) : null}
      <Field label={t('fields.name')} error={errors.name ? t('errors.name') : undefined}>
        <Input autoComplete="name" {...register('name')} />
      </Field>
      <Field
        label={t('fields.workspaceName')}
        aside={t('common:optional')}
        error={errors.workspaceName ? t('errors.workspaceName') : undefined}
      >
        <Input autoComplete="organization" {...register('workspaceName')} />
      </Field>
      <Field label={t('fields.email')} error={errors.email ? t('errors.email') : undefined}>
        <Input type="email" autoComplete="email" {...register('email')} />
      </Field>
      <Field
        label={t('fields.password')}
        hint={t('fields.passwordHint')}
        error={errors.password ? t('errors.password') : undefined}
      >
        <PasswordInput autoComplete="new-password" {...register('password')} />
      </Field>
      <Button type="submit" variant="primary" size="lg" loading={start.isPending}>
        {t('register.submit')}
      </Button>
    </form>
  )
}
