const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What the address of the screen says. */
export interface AuditSearch {
  /** That company's chain; absent = the platform's own. */
  workspace?: string | undefined
  /** Part of an action's name. */
  action?: string | undefined
  /** The record that is open beside the table. */
  record?: string | undefined
}

/** Reads the address. What is not understood is said to be absent: left out, it would stay as the address has it. */
export function auditSearch({ workspace, action, record }: Record<string, unknown>): AuditSearch {
  return {
    workspace: isUuid(workspace) ? workspace : undefined,
    action: typeof action === 'string' && action.trim() ? action.slice(0, 100) : undefined,
    record: isUuid(record) ? record : undefined,
  }
}

export function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value)
}
