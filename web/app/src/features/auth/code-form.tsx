import { Banner, Button, Field, Input } from '@neipix/ui'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { useTranslation } from 'react-i18next'
import { problemText } from '@app/shared/problems'
import { toaster } from '@app/shared/toaster'
import { usePending } from './pending'
import { useConfirm, useResend } from './queries'

/** A letter needs time; another one is offered after so many seconds. */
const RESEND_AFTER = 30

export interface CodeFormProps {
  registrationId: string
  next: string | undefined
}

/** Six digits from the letter. The sixth sends them; then to `next`. */
export function CodeForm({ registrationId, next }: CodeFormProps) {
  const { t } = useTranslation('auth')
  const [code, setCode] = useState('')
  const [incomplete, setIncomplete] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const confirm = useConfirm(next)

  const send = (digits: string) => {
    if (confirm.isPending) return
    if (digits.length !== 6) {
      setIncomplete(true)
      input.current?.focus()
      return
    }
    confirm.mutate(
      { registrationId, code: digits },
      {
        onSuccess: () => usePending.setState({ waiting: null }),
        onError: () => input.current?.select(),
      },
    )
  }
  const type = (text: string) => {
    const digits = text.replace(/\D/g, '').slice(0, 6)
    setCode(digits)
    setIncomplete(false)
    if (digits.length === 6 && digits !== code) send(digits)
  }
  const submit = (event: FormEvent) => {
    event.preventDefault()
    send(code)
  }
  const wrong = incomplete ? t('errors.code') : confirm.error ? problemText(confirm.error) : undefined
  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-4">
      <Field label={t('code.label')} error={wrong}>
        <Input
          ref={input}
          inputMode="numeric"
          autoComplete="one-time-code"
          // The screen asks for nothing else, and the person has just pressed a button to get here.
          // eslint-disable-next-line jsx-a11y/no-autofocus
          autoFocus
          value={code}
          onChange={(event) => type(event.currentTarget.value)}
          className="tnum h-12 text-center text-xl tracking-[0.4em]"
        />
      </Field>
      <Button type="submit" variant="primary" size="lg" loading={confirm.isPending}>
        {t('code.submit')}
      </Button>
      <Resend registrationId={registrationId} />
    </form>
  )
}

function Resend({ registrationId }: { registrationId: string }) {
  const { t } = useTranslation('auth')
  const sentAt = usePending((pending) => pending.sentAt)
  const resend = useResend()
  const left = useSecondsUntil(sentAt + RESEND_AFTER * 1000)
  const again = () =>
    resend.mutate(registrationId, {
      onSuccess: () => {
        usePending.setState({ sentAt: Date.now() })
        toaster.show({ tone: 'ok', title: t('code.sent') })
      },
    })
  return (
    <div className="flex flex-col items-center gap-2 text-sm">
      {resend.error ? (
        <Banner tone="danger" className="w-full rounded-md">
          {problemText(resend.error)}
        </Banner>
      ) : null}
      {left > 0 ? (
        <p className="text-ink-2 flex min-h-7 items-center">{t('code.resendIn', { count: left })}</p>
      ) : (
        <Button variant="link" size="sm" loading={resend.isPending} onClick={again}>
          {t('code.resend')}
        </Button>
      )}
      <Button variant="link" size="sm" onClick={() => usePending.setState({ waiting: null })}>
        {t('code.back')}
      </Button>
    </div>
  )
}

/** Whole seconds until that moment, counting down to 0. */
function useSecondsUntil(moment: number): number {
  const [now, setNow] = useState(Date.now)
  const left = Math.max(0, Math.ceil((moment - now) / 1000))
  useEffect(() => {
    if (left === 0) return
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [left])
  return left
}
