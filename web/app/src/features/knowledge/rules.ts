import type { FileRules } from '@neipix/ui'

/** What the server takes; it checks again. */
export const RULES: FileRules = {
  extensions: ['pdf', 'docx', 'xlsx', 'csv', 'txt', 'md', 'html', 'htm'],
  maxBytes: 52_428_800,
  maxFiles: 1000,
}
