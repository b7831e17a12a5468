import { useNavigate } from '@tanstack/react-router'
import { useEffect, useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { isTyping, useShortcuts } from '@app/shared/commands'
import type { Conversation } from './kinds'
import type { ListSearch } from './search'

/** Whether the key without modifiers is for the screen: by its place, since with Russian letters J gives «о». */
export function isFree(event: KeyboardEvent): boolean {
  const held = event.metaKey || event.ctrlKey || event.altKey
  const busy = document.querySelector(
    '[role="dialog"], [role="alertdialog"], [role="menu"], [role="listbox"]',
  )
  return !held && !event.defaultPrevented && !isTyping(event.target) && !busy
}

/** J and K walk the list. */
export function useListKeys(
  rows: readonly Conversation[] | undefined,
  openId: string | undefined,
  search: ListSearch,
): void {
  const { t } = useTranslation('inbox')
  const navigate = useNavigate()
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if ((event.code !== 'KeyJ' && event.code !== 'KeyK') || event.shiftKey || !isFree(event)) return
      const at = rows?.findIndex((row) => row.id === openId) ?? -1
      const next = rows?.[event.code === 'KeyJ' ? at + 1 : at - 1]
      if (!next) return
      event.preventDefault()
      void navigate({ to: '/chats/$id', params: { id: next.id }, search })
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [rows, openId, search, navigate])
  const group = useMemo(
    () => ({
      heading: t('keys.heading'),
      shortcuts: [
        { keys: ['J'], label: t('keys.next') },
        { keys: ['K'], label: t('keys.previous') },
        { keys: ['A'], label: t('keys.takeOver') },
        { keys: ['Shift', 'A'], label: t('keys.return') },
        { keys: ['E'], label: t('keys.close') },
        { keys: ['Enter'], label: t('keys.send') },
        { keys: ['Shift', 'Enter'], label: t('keys.break') },
      ],
    }),
    [t],
  )
  useShortcuts(group)
}
