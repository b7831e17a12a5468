/** What the edge puts into both pages of a widget in place of `__NEIPIX_WIDGET_CONFIG__`; everybody may see it. */
export interface WidgetConfig {
  /** The widget's public key, `wk_…`. */
  readonly key: string
  /** Who may embed it; only the frame's page has them. */
  readonly origins?: readonly string[]
  /** `ru`, `en`, or empty = the page's. */
  readonly locale: string
  /** The name above the dialogue. */
  readonly title: string
  /** What stands in an empty dialogue; may be empty. */
  readonly greeting: string
  /** `#rrggbb`, or empty = ours. */
  readonly accent: string
  /** `left`, or anything else for right. */
  readonly side: string
  /** `light`, `dark`, or empty = the device's. */
  readonly scheme: string
  /** Whether visitors whom the site does not vouch for are refused. */
  readonly requireIdentity: boolean
}

/** Reads the block in the frame's page. What is missing or of a wrong kind takes its default; without a key there is nothing. */
export function readConfig(text: string | null | undefined): WidgetConfig | undefined {
  let value: unknown
  try {
    value = JSON.parse(text ?? '')
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Record<string, unknown>
  const word = (name: string) => (typeof fields[name] === 'string' ? fields[name] : '')
  const origins = fields['origins']
  if (word('key') === '') return undefined
  return {
    key: word('key'),
    origins: Array.isArray(origins) ? origins.filter((one) => typeof one === 'string') : [],
    locale: word('locale'),
    title: word('title'),
    greeting: word('greeting'),
    accent: word('accent'),
    side: word('side'),
    scheme: word('scheme'),
    requireIdentity: fields['requireIdentity'] === true,
  }
}

/** The language of the words: the owner's choice, else the page's, else Russian. */
export function languageOf(chosen: string, page: string): 'ru' | 'en' {
  const tag = (chosen || page).toLowerCase()
  return tag === '' || /^(ru|be|uk|kk)\b/.test(tag) ? 'ru' : 'en'
}
