import { ApiError } from '@neipix/api'
import { useTranslation } from 'react-i18next'
import { problemText } from '@app/shared/problems'

const OWN = ['BOT_TOKEN_INVALID', 'BOT_IN_USE', 'CHANNEL_BUILT_IN', 'CHANNEL_UNREACHABLE'] as const

/** What a refusal of a channel means to a person. */
export function useProblemText(): (error: unknown) => string {
  const { t } = useTranslation('channels')
  return (error) => {
    const own = error instanceof ApiError ? OWN.find((known) => known === error.reason) : undefined
    return own ? t(`reasons.${own}`) : problemText(error)
  }
}
