import { Input, Segmented } from '@neipix/ui'
import { Search } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { FILTERS, type AssistantsFilter } from './queries'

/** A pause after which what is typed is looked for, in ms. */
const PAUSE = 250

export interface ListFiltersProps {
  filter: AssistantsFilter
  onChange: (filter: AssistantsFilter) => void
}

/** Search and status of the list. */
export function ListFilters({ filter, onChange }: ListFiltersProps) {
  const { t } = useTranslation('assistants')
  const segments = [
    { value: 'all' as const, label: t('list.all') },
    ...FILTERS.map((value) => ({ value, label: t(`filter.${value}`) })),
  ]
  return (
    <div className="flex flex-col gap-3 pb-4 lg:flex-row lg:items-center lg:justify-between">
      <Segmented
        aria-label={t('list.status')}
        segments={segments}
        value={filter.status ?? 'all'}
        onValueChange={(value) => onChange({ ...filter, status: value === 'all' ? undefined : value })}
      />
      <SearchBox value={filter.q ?? ''} onSearch={(q) => onChange({ ...filter, q: q || undefined })} />
    </div>
  )
}

function SearchBox({ value, onSearch }: { value: string; onSearch: (q: string) => void }) {
  const { t } = useTranslation('assistants')
  const [text, setText] = useState(value)
  const [sent, setSent] = useState(value)
  const [seen, setSeen] = useState(value)
  // The address changed by something else than this box: «show all», the way back.
  if (value !== seen) {
    setSeen(value)
    if (value !== sent) {
      setSent(value)
      setText(value)
    }
  }
  const search = (q: string) => {
    setSent(q)
    onSearch(q)
  }
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  return (
    <div role="search" className="relative w-full lg:w-72">
      <Search
        aria-hidden
        className="text-ink-2 pointer-events-none absolute top-1/2 left-3 size-4 -translate-y-1/2"
      />
      <Input
        type="search"
        aria-label={t('list.search')}
        placeholder={t('list.search')}
        value={text}
        maxLength={200}
        className="pl-9"
        onChange={(event) => {
          const { value: typed } = event.target
          setText(typed)
          clearTimeout(timer.current)
          timer.current = setTimeout(() => search(typed.trim()), PAUSE)
        }}
      />
    </div>
  )
}
