import { CSPProvider } from '@base-ui/react/csp-provider'
import { Tooltip } from '@base-ui/react/tooltip'
import type { ReactNode } from 'react'
import { LocaleContext, type Locale } from './locale'

export interface KitProviderProps {
  /** Language of numbers, money and dates. */
  locale: Locale
  children: ReactNode
}

/** Wraps an app once: locale of formatting, shared tooltip delay, no style elements (CSP). */
export function KitProvider({ locale, children }: KitProviderProps) {
  return (
    <CSPProvider disableStyleElements>
      <LocaleContext value={locale}>
        <Tooltip.Provider delay={400}>{children}</Tooltip.Provider>
      </LocaleContext>
    </CSPProvider>
  )
}
