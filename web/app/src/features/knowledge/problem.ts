import { ApiError } from '@neipix/api'
import { useTranslation } from 'react-i18next'
import { problemText } from '@app/shared/problems'

const OWN = [
  'STORAGE_REFUSED',
  'STORAGE_UNAVAILABLE',
  'FILE_TOO_LARGE',
  'FILE_TYPE',
  'FILE_LIMIT',
  'FILE_NOT_UPLOADED',
  'FILE_STATE',
  'ASSISTANT_STATE',
] as const

/** What a refusal of a file means to a person, by its reason. */
export function useReasonText(): (reason: string) => string {
  const { t } = useTranslation('knowledge')
  return (reason) => {
    const own = OWN.find((known) => known === reason)
    return own ? t(`reasons.${own}`) : problemText(new ApiError(0, reason, reason))
  }
}
