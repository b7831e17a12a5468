import { zodResolver } from '@hookform/resolvers/zod'
import {
  Banner,
  Button,
  Checkbox,
  CopyField,
  Dialog,
  DialogBody,
  DialogContent,
  DialogDescription,
  DialogFooter,
  DialogHeader,
  DialogTitle,
  Field,
  Input,
  Skeleton,
} from '@neipix/ui'
import { lazy, Suspense, useId } from 'react'
import { Controller, useForm } from 'react-hook-form'
import { useTranslation } from 'react-i18next'
import * as z from 'zod/mini'
import { tellForm } from '@app/shared/forms'
import { useMe } from '@app/shared/session'
import { ALL, KEY_PERMISSIONS, type KeyPermission } from './permissions'
import { useCreateKey } from './queries'

const AssistantField = lazy(() => import('./assistant-field'))

const schema = z.object({
  name: z.string().check(z.trim(), z.minLength(1), z.maxLength(100)),
  permissions: z.array(z.string()).check(z.minLength(1)),
  assistant: z.string(),
})

/** Makes a key and shows its secret, once. */
export default function CreateKey({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('common')
  return (
    <Dialog open onOpenChange={(open) => (open ? undefined : onClose())}>
      <DialogContent closeLabel={t('close')}>
        <Steps onClose={onClose} />
      </DialogContent>
    </Dialog>
  )
}

function Steps({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation(['keys', 'common'])
  const create = useCreateKey()
  if (create.data) {
    const labels = { copy: t('common:copy'), copied: t('common:copied'), failed: t('common:copyFailed') }
    return (
      <>
        <DialogHeader>
          <DialogTitle>{t('done.title')}</DialogTitle>
          <DialogDescription>{t('done.hint')}</DialogDescription>
        </DialogHeader>
        <DialogBody>
          <CopyField label={t('done.secret')} value={create.data.secret} labels={labels} />
        </DialogBody>
        <DialogFooter>
          <Button variant="primary" onClick={onClose}>
            {t('done.close')}
          </Button>
        </DialogFooter>
      </>
    )
  }
  return <KeyForm create={create} onClose={onClose} />
}

function KeyForm({ create, onClose }: { create: ReturnType<typeof useCreateKey>; onClose: () => void }) {
  const { t } = useTranslation(['keys', 'common'])
  const { register, control, handleSubmit, setError, formState } = useForm({
    resolver: zodResolver(schema),
    defaultValues: { name: '', permissions: ['chats.ask'] as string[], assistant: ALL },
  })
  const { errors } = formState
  const submit = handleSubmit(({ name, permissions, assistant }) =>
    create
      .mutateAsync({ name, permissions, ...(assistant === ALL ? {} : { assistantId: assistant }) })
      .catch((error: unknown) => tellForm(error, setError, ['name', 'permissions'])),
  )
  return (
    <form noValidate onSubmit={(event) => void submit(event)} className="flex min-h-0 flex-col">
      <DialogHeader>
        <DialogTitle>{t('form.title')}</DialogTitle>
        <DialogDescription>{t('form.hint')}</DialogDescription>
      </DialogHeader>
      <DialogBody>
        {errors.root?.message ? (
          <Banner tone="danger" className="rounded-md">
            {errors.root.message}
          </Banner>
        ) : null}
        <Field
          label={t('form.name')}
          hint={t('form.nameHint')}
          error={errors.name ? t('form.nameError') : undefined}
        >
          <Input {...register('name')} />
        </Field>
        <Controller
          control={control}
          name="permissions"
          render={({ field }) => (
            <Permissions
              value={field.value}
              onChange={field.onChange}
              error={errors.permissions ? t('form.permissionsError') : undefined}
            />
          )}
        />
        <Controller
          control={control}
          name="assistant"
          render={({ field }) => (
            <Suspense fallback={<Skeleton className="h-15" />}>
              <AssistantField value={field.value} onChange={field.onChange} />
            </Suspense>
          )}
        />
      </DialogBody>
      <DialogFooter>
        <Button onClick={onClose}>{t('common:cancel')}</Button>
        <Button type="submit" variant="primary" loading={create.isPending}>
          {t('form.submit')}
        </Button>
      </DialogFooter>
    </form>
  )
}

interface PermissionsProps {
  value: readonly string[]
  onChange: (value: string[]) => void
  error: string | undefined
}

function Permissions({ value, onChange, error }: PermissionsProps) {
  const { t } = useTranslation('keys')
  const id = useId()
  const own = useMe()?.permissions ?? []
  const toggle = (permission: KeyPermission, on: boolean) =>
    onChange(on ? [...value, permission] : value.filter((one) => one !== permission))
  return (
    <fieldset aria-describedby={error ? id : undefined} className="flex flex-col gap-2">
      <legend className="mb-2 text-sm font-medium">{t('form.permissions')}</legend>
      <div className="grid gap-2 sm:grid-cols-2">
        {KEY_PERMISSIONS.filter((permission) => own.includes(permission)).map((permission) => (
          <Checkbox
            key={permission}
            label={t(`permissions.${permission}`)}
            checked={value.includes(permission)}
            onCheckedChange={(on) => toggle(permission, on)}
          />
        ))}
      </div>
      {error ? (
        <p id={id} role="alert" className="text-danger text-xs">
          {error}
        </p>
      ) : null}
    </fieldset>
  )
}
