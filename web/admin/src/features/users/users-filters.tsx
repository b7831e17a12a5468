import { Input, Segmented } from '@neipix/ui'
import { useEffect, useId, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { SHORTEST_SEARCH, type UsersFilter } from './queries'

/** The server is asked after this pause in typing, in milliseconds. */
const PAUSE = 250

export interface UsersFiltersProps {
  filter: UsersFilter
  onChange: (change: { q?: string; staff?: boolean }) => void
}

/** Search and filter over the table. */
export function UsersFilters({ filter, onChange }: UsersFiltersProps) {
  const { t } = useTranslation('users')
  const id = useId()
  const [typed, setTyped] = useTyped(filter.q, (q) => onChange({ q }))
  const short = typed.trim() !== '' && typed.trim().length < SHORTEST_SEARCH
  return (
    <div role="search" className="flex flex-wrap items-center gap-3 pb-3">
      <span className="w-full sm:w-72">
        <Input
          type="search"
          aria-label={t('search')}
          placeholder={t('search')}
          aria-describedby={short ? id : undefined}
          maxLength={200}
          value={typed}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </span>
      <Segmented
        aria-label={t('who')}
        value={filter.staff ? 'staff' : 'everybody'}
        onValueChange={(value) => onChange({ staff: value === 'staff' })}
        segments={[
          { value: 'everybody', label: t('everybody') },
          { value: 'staff', label: t('staff') },
        ]}
      />
      {short ? (
        <span id={id} role="status" className="text-ink-2 text-xs">
          {t('tooShort')}
        </span>
      ) : null}
    </div>
  )
}

/** What stands in the field while the address follows a little later; a change of the address from elsewhere wins. */
function useTyped(known: string, tell: (q: string) => void): [string, (typed: string) => void] {
  const [typed, setTyped] = useState(known)
  const [seen, setSeen] = useState(known)
  if (known !== seen) {
    setSeen(known)
    if (known !== typed.trim()) setTyped(known)
  }
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const type = (next: string) => {
    setTyped(next)
    clearTimeout(timer.current)
    timer.current = setTimeout(() => tell(next.trim()), PAUSE)
  }
  return [typed, type]
}
