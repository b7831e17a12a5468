import type { Schemas } from '@neipix/api'

export type Assistant = Schemas['Assistant']
type Spec = Schemas['AssistantSpec']

/** What the instruction screen edits, with the server's defaults filled in. */
export interface DraftFields {
  name: string
  description: string
  instruction: string
  /** 0 = exact, 1 = free. */
  temperature: number
  answerDelaySeconds: number
  maxOutputTokens: number
}

export type DraftField = keyof DraftFields

/** Limits of the server, which checks them again. */
export const NAME_MAX = 100
export const INSTRUCTION_MAX = 20_000
export const DESCRIPTION_MAX = 1000
export const DELAY_MAX = 600

/** Where each field stands on the wire; in this order it is shown. */
export const PATHS: Record<DraftField, string> = {
  name: 'draft.name',
  description: 'draft.description',
  instruction: 'draft.instruction',
  temperature: 'draft.temperature',
  answerDelaySeconds: 'draft.answer_delay_seconds',
  maxOutputTokens: 'draft.max_output_tokens',
}

export const FIELDS = Object.keys(PATHS) as DraftField[]

/** The fields of a spec; what is not set is what the server would take. */
export function fieldsOf(spec: Spec | undefined): DraftFields {
  return {
    name: spec?.name ?? '',
    description: spec?.description ?? '',
    instruction: spec?.instruction ?? '',
    temperature: spec?.temperature ?? 0.3,
    answerDelaySeconds: spec?.answerDelaySeconds ?? 5,
    maxOutputTokens: spec?.maxOutputTokens ?? 700,
  }
}

/** The fields that differ. */
export function differing(a: DraftFields, b: DraftFields): DraftField[] {
  return FIELDS.filter((field) => a[field] !== b[field])
}

/** Edits that change something, compared with what the server has. */
export function effective(edits: Partial<DraftFields>, base: DraftFields): Partial<DraftFields> {
  const left = FIELDS.filter((field) => edits[field] !== undefined && edits[field] !== base[field])
  return Object.fromEntries(left.map((field) => [field, edits[field]]))
}

/** Fields that both sides changed since `base`, each to something else: a person must choose. */
export function contested(edits: Partial<DraftFields>, base: DraftFields, theirs: DraftFields): DraftField[] {
  return FIELDS.filter(
    (field) => edits[field] !== undefined && theirs[field] !== base[field] && theirs[field] !== edits[field],
  )
}

/** What the server would refuse, so that it is said at once. */
export type DraftFault = 'name_empty' | 'name_long' | 'instruction_long' | 'description_long' | 'variable'

const VARIABLES = ['contact.name', 'assistant.name', 'today']

/** Code points, as the server counts them. */
export function lengthOf(text: string): number {
  return [...text].length
}

/** The first variable of an instruction that no turn could fill in. */
export function unknownVariable(instruction: string): string | undefined {
  for (const [, name = ''] of instruction.matchAll(/\{([A-Za-z][A-Za-z0-9._]{0,59})\}/g)) {
    if (!VARIABLES.includes(name)) return name
  }
  return undefined
}

/** What is wrong with each field. */
export function faults(fields: DraftFields): Partial<Record<DraftField, DraftFault>> {
  const found: Partial<Record<DraftField, DraftFault>> = {}
  if (fields.name.trim() === '') found.name = 'name_empty'
  else if (lengthOf(fields.name) > NAME_MAX) found.name = 'name_long'
  if (lengthOf(fields.description) > DESCRIPTION_MAX) found.description = 'description_long'
  if (lengthOf(fields.instruction) > INSTRUCTION_MAX) found.instruction = 'instruction_long'
  else if (unknownVariable(fields.instruction)) found.instruction = 'variable'
  return found
}
