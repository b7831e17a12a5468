import { ApiError } from '@neipix/api'
import i18next, { type ParseKeys } from 'i18next'

/** What a failure means to a person, in their language: never the server's English. */
export function problemText(error: unknown): string {
  const reason = error instanceof ApiError ? error.reason : 'INTERNAL'
  const key = `reasons.${reason}` as ParseKeys<'common'>
  if (i18next.exists(key, { ns: 'common' })) return i18next.t(key)
  return i18next.t('reasons.INTERNAL')
}

/** The id that support asks for; `undefined` where the server gave none. */
export function traceOf(error: unknown): string | undefined {
  return (error instanceof ApiError && error.problem?.trace_id) || undefined
}

/** Whether the person lacks the right, so that another try is of no use. */
export function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403
}

/** Whether the thing is not there, or not for this person: the server does not tell which. */
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}
