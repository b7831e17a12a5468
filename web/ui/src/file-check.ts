/** What may be uploaded. The server checks again; this only saves people a wait. */
export interface FileRules {
  /** Endings without a dot, in small letters: `['pdf', 'docx']`. */
  extensions: readonly string[]
  maxBytes: number
  /** Files in all, those already there included. */
  maxFiles: number
}

/** Why a file was refused. */
export type FileReason = 'type' | 'empty' | 'size' | 'count' | 'duplicate'

/** A refused file and the first rule that it breaks. */
export interface FileRejection {
  file: File
  reason: FileReason
}

/** A file that is already there. */
export interface KnownFile {
  name: string
  size: number
}

/** Divides files into those that may be uploaded and those that may not, in their order. */
export function checkFiles(
  files: readonly File[],
  rules: FileRules,
  known: readonly KnownFile[] = [],
): { accepted: File[]; rejected: FileRejection[] } {
  const seen = new Set(known.map(identity))
  const accepted: File[] = []
  const rejected: FileRejection[] = []
  for (const file of files) {
    const reason = fault(file, rules, seen, known.length + accepted.length)
    if (reason) {
      rejected.push({ file, reason })
    } else {
      accepted.push(file)
      seen.add(identity(file))
    }
  }
  return { accepted, rejected }
}

function fault(file: File, rules: FileRules, seen: ReadonlySet<string>, count: number): FileReason | null {
  if (!rules.extensions.includes(extension(file.name))) return 'type'
  if (file.size === 0) return 'empty'
  if (file.size > rules.maxBytes) return 'size'
  if (seen.has(identity(file))) return 'duplicate'
  if (count >= rules.maxFiles) return 'count'
  return null
}

function extension(name: string): string {
  const dot = name.lastIndexOf('.')
  return dot > 0 ? name.slice(dot + 1).toLowerCase() : ''
}

function identity(file: KnownFile): string {
  return `${file.size} ${file.name}`
}
