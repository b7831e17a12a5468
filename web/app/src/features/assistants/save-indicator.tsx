import { Button, Spinner } from '@neipix/ui'
import { Check, CloudOff, TriangleAlert } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { SaveState } from './autosave'
import { useProblemText } from './problem'

/** Says whether the draft is saved. What goes on is said quietly, what needs a person at once. */
export function SaveIndicator({ save, onRetry }: { save: SaveState | undefined; onRetry: () => void }) {
  const { t } = useTranslation('assistants')
  const problemText = useProblemText()
  if (!save) return null
  const looks: Record<SaveState['is'], ReactNode> = {
    waiting: <Spinner />,
    saving: <Spinner />,
    saved: <Check aria-hidden className="text-ok" />,
    unreachable: <CloudOff aria-hidden className="text-warn" />,
    faulty: <TriangleAlert aria-hidden className="text-danger" />,
    refused: <TriangleAlert aria-hidden className="text-danger" />,
    conflict: <TriangleAlert aria-hidden className="text-warn" />,
  }
  const again = save.is === 'unreachable' || save.is === 'refused'
  return (
    <div
      role="status"
      aria-label={t('save.label')}
      data-slot="save-indicator"
      data-state={save.is}
      className="text-ink-2 flex min-h-7 flex-wrap items-center gap-x-1.5 text-sm [&_svg]:size-4 [&_svg]:shrink-0"
    >
      {looks[save.is]}
      <span>
        {t(`save.${save.is}`)}
        {save.is === 'refused' ? `: ${problemText(save.error)}` : null}
      </span>
      {again ? (
        <Button variant="link" size="sm" onClick={onRetry}>
          {t('save.retry')}
        </Button>
      ) : null}
    </div>
  )
}
