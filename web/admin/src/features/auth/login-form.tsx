import { zodResolver } from '@hookform/resolvers/zod'
import { ApiError } from '@neipix/api'
import { api, problemText } from '@neipix/shell'
import { Button, Field, Input } from '@neipix/ui'
import { CircleAlert } from 'lucide-react'
import { useForm } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import * as z from 'zod'

const form = z.object({
  email: z.email().max(254),
  password: z.string().min(1).max(200),
})

/** E-mail and password. A refusal stands over the button, and what was typed stays. */
export function LoginForm({ onDone }: { onDone: () => void | Promise<void> }) {
  const { t } = useTranslation('auth')
  const { register, handleSubmit, setError, setFocus, formState } = useForm({
    resolver: zodResolver(form),
    defaultValues: { email: '', password: '' },
  })
  const { errors, isSubmitting } = formState
  const submit = handleSubmit(async (typed) => {
    try {
      const { data } = await api.http.POST('/api/v1/auth/login', {
        body: { ...typed, surface: 'SURFACE_ADMIN' },
      })
      api.session.accept(data!)
      await onDone()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      setError('root', { message: problemText(error) })
      if (error.reason === 'CREDENTIALS_INVALID') setFocus('password', { shouldSelect: true })
    }
  })
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex flex-col gap-4">
      <Field label={t('email')} error={errors.email ? t('emailWrong') : undefined}>
        <Input type="email" autoComplete="username" {...register('email')} />
      </Field>
      <Field label={t('password')} error={errors.password ? t('passwordMissing') : undefined}>
        <Input type="password" autoComplete="current-password" {...register('password')} />
      </Field>
      {errors.root?.message ? (
        <p role="alert" className="text-danger flex items-start gap-2 text-sm">
          <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0" />
          {errors.root.message}
        </p>
      ) : null}
      <Button type="submit" variant="primary" loading={isSubmitting}>
        {t('submit')}
      </Button>
    </form>
  )
}
