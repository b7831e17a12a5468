import { ApiError } from '@neipix/api'
import type { FieldValues, Path, UseFormSetError } from 'react-hook-form'
import { problemText } from './problems'

/** Puts a refusal where it belongs: at the fields that the server names, else over the form as its root error. */
export function tellForm<Values extends FieldValues>(
  error: unknown,
  setError: UseFormSetError<Values>,
  fields: readonly Path<Values>[],
): void {
  const wrong = fields.filter((field) => error instanceof ApiError && error.field(field) !== undefined)
  wrong.forEach((field, place) => setError(field, { type: 'server' }, { shouldFocus: place === 0 }))
  if (wrong.length === 0) setError('root', { type: 'server', message: problemText(error) })
}
