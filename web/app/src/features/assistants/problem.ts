import { ApiError } from '@neipix/api'
import { useTranslation } from 'react-i18next'
import { problemText } from '@app/shared/problems'

const OWN = ['ASSISTANT_LIMIT', 'ASSISTANT_STATE', 'DRAFT_INVALID'] as const

/** What a refusal of svc-assistants means to a person. */
export function useProblemText(): (error: unknown) => string {
  const { t } = useTranslation('assistants')
  return (error) => {
    const own = error instanceof ApiError ? OWN.find((reason) => reason === error.reason) : undefined
    if (!own || !(error instanceof ApiError)) return problemText(error)
    const detail = error.problem?.errors?.map(({ message }) => message).join('; ') || error.message
    return t(`reasons.${own}`, { detail })
  }
}
