import { useLooks } from '@neipix/shell'
import { CommandPalette, PixelPortrait, type PaletteGroup } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { CircleHelp, LogOut, Plus } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { api } from '@app/shared/api'
import { useOffers } from '@app/shared/commands'
import { useMay, useMe } from '@app/shared/session'
import { sectionsFor } from './sections'
import { useSignOut } from './sign-out'
import { openWindow } from './state'

/** Everything that can be done, by typing. */
export default function Palette() {
  const { t } = useTranslation('shell')
  const offered = useOffers((offers) => offers.commands)
  const groups = [...offered.values(), useWays(), useDeeds(), useAssistants(), useLooks()]
  return (
    <CommandPalette
      open
      onOpenChange={(open) => openWindow(open ? 'palette' : null)}
      groups={groups.filter((group) => group.commands.length > 0)}
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

function useWays(): PaletteGroup {
  const { t } = useTranslation('shell')
  const navigate = useNavigate()
  return {
    id: 'ways',
    heading: t('palette.go'),
    commands: sectionsFor(useMe()?.permissions ?? []).map(({ id, to, icon: Icon }) => ({
      id: `way-${id}`,
      label: t(`nav.${id}`),
      keywords: t(`palette.topics.${id}`).split(' '),
      icon: <Icon aria-hidden />,
      onSelect: () => void navigate({ to }),
    })),
  }
}

function useDeeds(): PaletteGroup {
  const { t } = useTranslation('shell')
  const navigate = useNavigate()
  const signOut = useSignOut()
  const create = {
    id: 'create',
    label: t('palette.create'),
    icon: <Plus aria-hidden />,
    onSelect: () => void navigate({ to: '/assistants/new' }),
  }
  return {
    id: 'deeds',
    heading: t('palette.do'),
    commands: [
      ...(useMay('assistants.write') ? [create] : []),
      {
        id: 'help',
        label: t('help'),
        icon: <CircleHelp aria-hidden />,
        shortcut: ['?'],
        onSelect: () => openWindow('help'),
      },
      { id: 'sign-out', label: t('signOut'), icon: <LogOut aria-hidden />, onSelect: () => signOut.mutate() },
    ],
  }
}

function useAssistants(): PaletteGroup {
  const { t } = useTranslation('shell')
  const navigate = useNavigate()
  const may = useMay('assistants.read')
  const { data } = useQuery({
    ...api.query.queryOptions('get', '/api/v1/assistants', { params: { query: { pageSize: 50 } } }),
    enabled: may,
  })
  return {
    id: 'assistants',
    heading: t('palette.assistants'),
    commands: (data?.assistants ?? []).map(({ id, draft }) => ({
      id: `assistant-${id}`,
      label: draft?.name ?? '',
      icon: <PixelPortrait id={id} size={16} className="text-ai! rounded-xs" />,
      onSelect: () => void navigate({ to: '/assistants/$id', params: { id } }),
    })),
  }
}
