// Anything that a browser drops or reads as another sign: control characters, the backslash it takes for a slash.
const FOREIGN = /[\u0000-\u001f\u007f\\]/

/**
 * Where to go after signing in, if that is a place of this app; else `undefined`. A path that starts with one slash:
 * `//host`, `/\host` and paths with control characters would lead elsewhere.
 */
export function safeNext(next: unknown): string | undefined {
  if (typeof next !== 'string' || next.length > 2000) return undefined
  if (!next.startsWith('/') || next.startsWith('//') || FOREIGN.test(next)) return undefined
  const at = new URL(next, 'http://here.invalid')
  return at.host === 'here.invalid' && !/^\/(login|register)(\/|$)/.test(at.pathname) ? next : undefined
}
