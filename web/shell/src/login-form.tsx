import { zodResolver } from '@hookform/resolvers/zod'
import { Banner, Button, Checkbox, Field, Input } from '@neipix/ui'
import { Controller, useForm } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import * as z from 'zod/mini'
import { tellForm } from './forms'
import { PasswordInput } from './password-input'
import { useLogin } from './enter'

const schema = z.object({
  email: z.string().check(z.trim(), z.email(), z.maxLength(254)),
  password: z.string().check(z.minLength(1), z.maxLength(200)),
  rememberMe: z.boolean(),
})

export interface LoginFormProps {
  next: string | undefined
  /** Staff sign in at their panel, for a day at most. */
  staff?: boolean
}

/** E-mail and password; then to `next`. */
export function LoginForm({ next, staff = false }: LoginFormProps) {
  const { t } = useTranslation('auth')
  const login = useLogin(next)
  const { register, control, handleSubmit, setError, formState } = useForm({
    resolver: zodResolver(schema),
    defaultValues: { email: '', password: '', rememberMe: !staff },
  })
  const { errors } = formState
  const submit = handleSubmit((values) =>
    login
      .mutateAsync({ ...values, ...(staff ? { surface: 'SURFACE_ADMIN' } : {}) })
      .catch((error: unknown) => tellForm(error, setError, ['email', 'password'])),
  )
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      {errors.root?.message ? (
        <Banner tone="danger" className="rounded-md">
          {errors.root.message}
        </Banner>
      ) : null}
      <Field label={t('fields.email')} error={errors.email ? t('errors.email') : undefined}>
        <Input type="email" autoComplete="username" {...register('email')} />
      </Field>
      <Field label={t('fields.password')} error={errors.password ? t('errors.passwordEmpty') : undefined}>
        <PasswordInput autoComplete="current-password" {...register('password')} />
      </Field>
      {staff ? null : (
        <Controller
          control={control}
          name="rememberMe"
          render={({ field }) => (
            <Checkbox label={t('login.remember')} checked={field.value} onCheckedChange={field.onChange} />
          )}
        />
      )}
      <Button type="submit" variant="primary" size="lg" loading={login.isPending}>
        {t('login.submit')}
      </Button>
    </form>
  )
}
