import type { MouseEvent } from 'react'
import { useTranslation } from 'react-i18next'

/** The first thing that Tab reaches: past the navigation, to `#main`. */
export function SkipLink() {
  const { t } = useTranslation('shell')
  const skip = (event: MouseEvent) => {
    // Not by the address: a hash would be a place of its own in the history.
    event.preventDefault()
    document.getElementById('main')?.focus()
  }
  return (
    <a
      href="#main"
      onClick={skip}
      className="bg-ink text-paper sr-only z-50 rounded-md px-4 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
    >
      {t('skip')}
    </a>
  )
}
