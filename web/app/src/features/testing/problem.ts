import { ApiError } from '@neipix/api'
import { useTranslation } from 'react-i18next'
import { problemText } from '@app/shared/problems'

const OWN = ['SIMULATION_BUSY', 'SIMULATION_FULL', 'ASSISTANT_STATE', 'DRAFT_INVALID', 'NOT_FOUND'] as const

/** What a refusal of a test question means to a person. */
export function useReasonText(): (error: unknown) => string {
  const { t } = useTranslation('testing')
  return (error) => {
    const own = error instanceof ApiError ? OWN.find((known) => known === error.reason) : undefined
    return own ? t(`reasons.${own}`) : problemText(error)
  }
}
