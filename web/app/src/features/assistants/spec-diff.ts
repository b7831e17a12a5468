import type { Schemas } from '@neipix/api'

type Spec = Schemas['AssistantSpec']

/** Parts of a spec, in the order in which changes are told. */
export const SPEC_FIELDS = [
  'name',
  'description',
  'instruction',
  'temperature',
  'maxOutputTokens',
  'answerDelaySeconds',
  'schedule',
  'stopWords',
  'autoReturnMinutes',
  'historyTokens',
  'passageTokens',
] as const satisfies readonly (keyof Spec)[]

export type SpecField = (typeof SPEC_FIELDS)[number]

/** What publishing would change. Both come from the same server, which writes the same thing the same way. */
export function changedParts(from: Spec, to: Spec): SpecField[] {
  return SPEC_FIELDS.filter((field) => JSON.stringify(from[field]) !== JSON.stringify(to[field]))
}
