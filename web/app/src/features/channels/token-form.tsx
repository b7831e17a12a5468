import { Button, Field, Input } from '@neipix/ui'
import { useState, type SubmitEvent } from 'react'
import { useTranslation } from 'react-i18next'

/** Digits of the bot, a colon, and what only its owner knows. */
const TOKEN = /^\d{5,20}:[\w-]{20,}$/

export interface TokenFormProps {
  submitLabel: string
  pending: boolean
  /** Why the server refused it. */
  error: string | undefined
  onSubmit: (token: string) => void
}

/** The token of a bot: looked at before it is sent, and never kept. */
export function TokenForm({ submitLabel, pending, error, onSubmit }: TokenFormProps) {
  const { t } = useTranslation('channels')
  const [token, setToken] = useState('')
  const [faulty, setFaulty] = useState(false)
  const submit = (event: SubmitEvent) => {
    event.preventDefault()
    const fits = TOKEN.test(token.trim())
    setFaulty(!fits)
    if (fits) onSubmit(token.trim())
  }
  return (
    <form noValidate onSubmit={submit} className="flex flex-col gap-3">
      <Field label={t('telegram.token')} error={faulty ? t('telegram.tokenFault') : error}>
        <Input
          type="password"
          autoComplete="off"
          spellCheck={false}
          placeholder={t('telegram.tokenPlaceholder')}
          value={token}
          onChange={(event) => {
            setToken(event.target.value)
            setFaulty(false)
          }}
        />
      </Field>
      <div>
        <Button type="submit" variant="primary" loading={pending}>
          {submitLabel}
        </Button>
      </div>
    </form>
  )
}
