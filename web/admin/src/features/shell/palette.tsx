import { useLooks, useMe, useSignOut } from '@neipix/shell'
import { CommandPalette, type PaletteGroup } from '@neipix/ui'
import { useNavigate } from '@tanstack/react-router'
import { LogOut } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { usePalette } from './find'
import { sectionsFor } from './sections'

/** Everything that can be done from anywhere in the panel. */
export default function Palette() {
  const { t } = useTranslation('shell')
  const groups = [useSections(), useDeeds(), useLooks()]
  return (
    <CommandPalette
      open
      onOpenChange={(next) => usePalette.setState({ open: next })}
      groups={groups.filter(({ commands }) => commands.length > 0)}
      labels={{
        title: t('palette.title'),
        placeholder: t('palette.placeholder'),
        empty: t('palette.empty'),
        list: t('palette.list'),
        close: t('palette.close'),
      }}
    />
  )
}

function useSections(): PaletteGroup {
  const { t } = useTranslation('shell')
  const navigate = useNavigate()
  return {
    id: 'sections',
    heading: t('palette.sections'),
    commands: sectionsFor(useMe()?.permissions ?? []).map(({ to, name, icon: Icon }) => ({
      id: to,
      label: t(name),
      icon: <Icon aria-hidden />,
      onSelect: () => void navigate({ to }),
    })),
  }
}

function useDeeds(): PaletteGroup {
  const { t } = useTranslation('shell')
  const signOut = useSignOut()
  const out = {
    id: 'sign-out',
    label: t('signOut'),
    icon: <LogOut aria-hidden />,
    onSelect: () => signOut.mutate(),
  }
  return { id: 'deeds', heading: t('palette.deeds'), commands: [out] }
}
