import { signOut, useMe, usePreferences } from '@neipix/shell'
import { CommandPalette, type PaletteGroup } from '@neipix/ui'
import { useMutation } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { Languages, LogOut, Moon, Sun } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { sectionsFor } from './sections'

/** Everything that can be done from anywhere in the panel. */
export function Palette({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  const { t } = useTranslation('shell')
  const { t: common } = useTranslation('common')
  const groups = useCommands()
  const labels = {
    title: t('palette.title'),
    placeholder: t('palette.placeholder'),
    empty: t('palette.empty'),
    list: t('palette.list'),
    close: common('close'),
  }
  return <CommandPalette open={open} onOpenChange={onOpenChange} groups={groups} labels={labels} />
}

function useCommands(): PaletteGroup[] {
  const { t } = useTranslation('shell')
  const navigate = useNavigate()
  const { language, setTheme, setLanguage } = usePreferences()
  const sections = sectionsFor(useMe()?.permissions ?? [])
  const out = useMutation({ mutationFn: signOut })
  return [
    {
      id: 'sections',
      heading: t('palette.sections'),
      commands: sections.map(({ to, name, icon: Icon }) => ({
        id: to,
        label: t(name),
        icon: <Icon aria-hidden />,
        onSelect: () => void navigate({ to }),
      })),
    },
    {
      id: 'deeds',
      heading: t('palette.deeds'),
      commands: [
        {
          id: 'light',
          label: t('palette.lightTheme'),
          icon: <Sun aria-hidden />,
          onSelect: () => setTheme('light'),
        },
        {
          id: 'dark',
          label: t('palette.darkTheme'),
          icon: <Moon aria-hidden />,
          onSelect: () => setTheme('dark'),
        },
        {
          id: 'language',
          label: t('palette.otherLanguage'),
          icon: <Languages aria-hidden />,
          onSelect: () => setLanguage(language === 'ru' ? 'en' : 'ru'),
        },
        { id: 'out', label: t('signOut'), icon: <LogOut aria-hidden />, onSelect: () => out.mutate() },
      ],
    },
  ]
}
