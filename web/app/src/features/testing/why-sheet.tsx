import type { Schemas } from '@neipix/api'
import { Empty, Sheet, SheetContent, SkeletonText } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { explanationQuery } from './queries'

/** Draws an explanation; given from outside, since dialogues of customers are explained the same way. */
export type RenderExplanation = (explanation: Schemas['Explanation']) => ReactNode

export interface WhySheetProps {
  assistantId: string
  /** The turn in question; `undefined` = closed. */
  turnId: string | undefined
  onClose: () => void
  render: RenderExplanation
}

/** Why a question was answered that way. */
export function WhySheet({ assistantId, turnId, onClose, render }: WhySheetProps) {
  const { t } = useTranslation('testing')
  // The words stay while the panel moves away.
  const [shown, setShown] = useState(turnId)
  if (turnId !== undefined && turnId !== shown) setShown(turnId)
  return (
    <Sheet
      open={turnId !== undefined}
      onOpenChange={(open) => {
        if (!open) onClose()
      }}
    >
      {shown ? (
        <SheetContent
          title={t('whyTitle')}
          closeLabel={t('close', { ns: 'common' })}
          className="sm:w-[min(36rem,100vw)]"
        >
          <Explained assistantId={assistantId} turnId={shown} render={render} />
        </SheetContent>
      ) : null}
    </Sheet>
  )
}

function Explained({ assistantId, turnId, render }: Omit<WhySheetProps, 'onClose'> & { turnId: string }) {
  const { t } = useTranslation('testing')
  const { data, error, isPending, isFetching, refetch } = useQuery(explanationQuery(assistantId, turnId))
  if (isPending) {
    return (
      <div role="status" aria-label={t('loading', { ns: 'common' })}>
        <SkeletonText lines={10} />
      </div>
    )
  }
  if (!data) return <Trouble error={error} onRetry={() => void refetch()} retrying={isFetching} />
  return render(data) ?? <Empty title={t('whyEmpty')} />
}
