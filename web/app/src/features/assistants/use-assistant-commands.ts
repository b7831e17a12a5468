import type { PaletteCommand } from '@neipix/ui'
import { useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { useTranslation } from 'react-i18next'
import { useCommands } from '@app/shared/commands'

const TABS = ['instruction', 'knowledge', 'channels', 'test'] as const

/** Puts an assistant's screens, and what can be done with it, into the palette while it is open. */
export function useAssistantCommands(id: string, name: string, publish: (() => void) | undefined): void {
  const { t } = useTranslation('assistants')
  const navigate = useNavigate()
  const commands = useMemo((): PaletteCommand[] => {
    const screens = TABS.map((tab) => ({
      id: `assistant ${tab}`,
      label: t(`tabs.${tab}`),
      onSelect: () => void navigate({ to: `/assistants/$id/${tab}`, params: { id } }),
    }))
    return publish
      ? [...screens, { id: 'assistant publish', label: t('actions.publish'), onSelect: publish }]
      : screens
  }, [t, navigate, id, publish])
  useCommands(name, commands)
}
