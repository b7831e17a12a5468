import { Badge, type BadgeProps } from '@neipix/ui'
import { Archive, CirclePause, CirclePlay, PencilLine } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Assistant } from './draft'

const LOOKS: Record<Assistant['status'], { tone: NonNullable<BadgeProps['tone']>; icon: ReactNode }> = {
  ASSISTANT_STATUS_UNSPECIFIED: { tone: 'neutral', icon: null },
  ASSISTANT_STATUS_DRAFT: { tone: 'neutral', icon: <PencilLine aria-hidden /> },
  ASSISTANT_STATUS_PUBLISHED: { tone: 'ai', icon: <CirclePlay aria-hidden /> },
  ASSISTANT_STATUS_PAUSED: { tone: 'warn', icon: <CirclePause aria-hidden /> },
  ASSISTANT_STATUS_ARCHIVED: { tone: 'neutral', icon: <Archive aria-hidden /> },
}

/** Where an assistant stands. */
export function StatusBadge({ status }: { status: Assistant['status'] }) {
  const { t } = useTranslation('assistants')
  const { tone, icon } = LOOKS[status]
  return (
    <Badge tone={tone} icon={icon}>
      {t(`status.${status}`)}
    </Badge>
  )
}
