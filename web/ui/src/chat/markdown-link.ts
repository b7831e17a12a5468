import { cleanText } from './clean-text'

/** A link that may be shown: where it goes, and its address if the label does not say it. */
export interface SafeLink {
  readonly href: string
  readonly address: string
  /** The address to print beside the label; null when the label already says it. */
  readonly shown: string | null
}

const WEB = new Set(['http:', 'https:'])
const DIRECT = new Set(['mailto:', 'tel:'])

function parse(raw: string): URL | null {
  try {
    // No base: a relative address in a model's text would point into the page that shows it.
    return new URL(cleanText(raw))
  } catch {
    return null
  }
}

/** The link behind `raw`, or null when its scheme or form is not allowed and only the label may be shown. */
export function safeLink(raw: string, label: string): SafeLink | null {
  const url = parse(raw)
  if (!url) return null
  if (WEB.has(url.protocol)) {
    // `https://bank.ru@evil.com` reads as a link to the bank.
    url.username = ''
    url.password = ''
    return { href: url.href, address: url.host, shown: saysHost(label, url.host) ? null : url.host }
  }
  if (DIRECT.has(url.protocol) && url.pathname) {
    return { href: url.href, address: url.pathname, shown: saysAddress(label, url) ? null : url.pathname }
  }
  return null
}

function saysHost(label: string, host: string): boolean {
  const said = label
    .trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
  const end = said.search(/[/?#]/)
  const name = end === -1 ? said : said.slice(0, end)
  return name === host || saysInternationalHost(name, host)
}

function saysInternationalHost(name: string, host: string): boolean {
  if (!/^[\p{L}\p{N}.-]+$/u.test(name)) return false
  // Latin beside another script is how look-alike names are made: those keep their punycode visible.
  const foreign = name.replace(/[\d.-]/g, '')
  if (foreign === '' || /[a-z]/.test(foreign)) return false
  return parse(`http://${name}`)?.host === host
}

function saysAddress(label: string, url: URL): boolean {
  const said = label
    .trim()
    .toLowerCase()
    .replace(/^(?:mailto|tel):/, '')
  const address = url.pathname.toLowerCase()
  if (url.protocol === 'mailto:') return said === address
  const digits = (text: string) => text.replace(/[\s().-]/g, '')
  return digits(said) === digits(address)
}
