import { IconButton, Input, Segmented, Select } from '@neipix/ui'
import { useNavigate } from '@tanstack/react-router'
import { X } from 'lucide-react'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useAssistants } from './assistants'
import type { ListSearch } from './search'

/** A pause in typing after which the server is asked, in milliseconds. */
const PAUSE = 250

/** What the list shows; it stands in the address. */
export function ListFilters({ search }: { readonly search: ListSearch }) {
  const { t } = useTranslation('inbox')
  const navigate = useNavigate()
  const assistants = useAssistants()
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
        <Select
          aria-label={t('filters.handler')}
          value={search.handler ?? 'any'}
          onValueChange={(handler) => set({ handler: handler === 'any' ? undefined : handler })}
          options={[
            { value: 'any', label: t('filters.anyHandler') },
            { value: 'assistant', label: t('filters.assistant') },
            { value: 'operator', label: t('filters.operator') },
            { value: 'nobody', label: t('filters.nobody') },
          ]}
        />
        <Select
          aria-label={t('filters.who')}
          value={search.assistant ?? 'any'}
          onValueChange={(id) => set({ assistant: id === 'any' ? undefined : id })}
          options={[
            { value: 'any', label: t('filters.anyAssistant') },
            ...assistants.map(({ id, name }) => ({ value: id, label: name || t('assistant') })),
          ]}
        />
      </div>
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
