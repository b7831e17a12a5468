const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What the address of the screen says. */
export interface AuditSearch {
  /** That company's chain; absent = the platform's own. */
  workspace?: string
  /** Part of an action's name. */
  action?: string
  /** The record that is open beside the table. */
  record?: string
}

/** Reads the address; what is not understood is forgotten. */
export function auditSearch(input: Record<string, unknown>): AuditSearch {
  const { workspace, action, record } = input
  return {
    ...(isUuid(workspace) ? { workspace } : {}),
    ...(typeof action === 'string' && action.trim() ? { action: action.slice(0, 100) } : {}),
    ...(isUuid(record) ? { record } : {}),
  }
}

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}
