import { IconButton, Input, Segmented, Skeleton } from '@neipix/ui'
import { useNavigate } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { ListSearch } from './search'

// Choices are half as heavy as all the rest of the inbox: the list does not wait for them.
const ListChoices = lazy(() => import('./list-choices'))

/** A pause in typing after which the server is asked, in milliseconds. */
const PAUSE = 250

/** What the list shows; it stands in the address. */
export function ListFilters({ search }: { readonly search: ListSearch }) {
  const { t } = useTranslation('inbox')
  const navigate = useNavigate()
  const set = (change: ListSearch) =>
    void navigate({ to: '.', search: (before) => ({ ...before, ...change }), replace: true })
  return (
    <>
      <SearchField value={search.q ?? ''} onChange={(q) => set({ q: q || undefined })} />
      <Segmented
        aria-label={t('filters.status')}
        value={search.status ?? 'all'}
        onValueChange={(status) => set({ status: status === 'all' ? undefined : status })}
        segments={(['all', 'open', 'pending', 'closed'] as const).map((value) => ({
          value,
          label: t(`filters.${value}`),
        }))}
      />
      <div className="grid grid-cols-2 gap-2">
        <Suspense fallback={<Waiting />}>
          <ListChoices search={search} onChange={set} />
        </Suspense>
      </div>
    </>
  )
}

function Waiting() {
  return (
    <>
      <Skeleton className="h-9 pointer-coarse:h-11" />
      <Skeleton className="h-9 pointer-coarse:h-11" />
    </>
  )
}

function SearchField({
  value,
  onChange,
}: {
  readonly value: string
  readonly onChange: (q: string) => void
}) {
  const { t } = useTranslation('inbox')
  const [typed, setTyped] = useState(value)
  const [before, setBefore] = useState(value)
  const latest = useRef(onChange)
  useEffect(() => {
    latest.current = onChange
  })
  // The address changed by itself: by «back», or by the button that resets the filters.
  if (value !== before) {
    setBefore(value)
    if (value !== typed.trim()) setTyped(value)
  }
  useEffect(() => {
    const wanted = typed.trim()
    if (wanted === value) return
    const timer = setTimeout(() => latest.current(wanted), PAUSE)
    return () => clearTimeout(timer)
  }, [typed, value])
  return (
    <div className="relative">
      <Input
        type="search"
        value={typed}
        maxLength={200}
        aria-label={t('search')}
        placeholder={t('search')}
        onChange={(event) => setTyped(event.target.value)}
        className="pe-9 [&::-webkit-search-cancel-button]:hidden"
      />
      {typed !== '' && (
        <IconButton
          size="sm"
          aria-label={t('clearSearch')}
          onClick={() => setTyped('')}
          className="absolute inset-y-0 end-1 my-auto"
        >
          <X aria-hidden />
        </IconButton>
      )}
    </div>
  )
}
