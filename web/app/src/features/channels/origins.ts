/** Sites that may embed a widget, at most. */
export const ORIGINS_MAX = 50

const NAME = /^(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

/** The lines of a text, without empty ones and repeats; a slash at the end is no matter. */
export function originsOf(text: string): string[] {
  const lines = text.split(/[\s,]+/).map((line) => line.trim().toLowerCase().replace(/\/$/, ''))
  return [...new Set(lines.filter((line) => line !== ''))]
}

/** Whether the server would take it: a scheme, a host, a port where there is one; plain http for localhost only. */
export function isOrigin(origin: string): boolean {
  const [, scheme, host = '', port] = /^(https?):\/\/([^/:@?#\s]+)(?::(\d{1,5}))?$/.exec(origin) ?? []
  if (!scheme || (port && Number(port) > 65_535)) return false
  // Names in other letters are written with them; the server knows their ASCII form too.
  const ascii = host.startsWith('*.') ? `*.${hostOf(host.slice(2))}` : hostOf(host)
  if (!NAME.test(ascii)) return false
  return scheme === 'https' || ascii === 'localhost' || ascii.endsWith('.localhost')
}

function hostOf(name: string): string {
  try {
    return new URL(`https://${name}`).hostname
  } catch {
    return ''
  }
}
