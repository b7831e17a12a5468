import { Empty, Sheet, SheetContent, Skeleton, SkeletonText } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { isMissing } from '@app/shared/problems'
import { Trouble } from '@app/shared/trouble'
import { ExplanationView } from './explanation-view'
import type { Explanation } from './kinds'

export interface ExplanationSheetProps {
  readonly open: boolean
  readonly onOpenChange: (open: boolean) => void
  /** Of an answer, or of a silence: only for the title. */
  readonly about: 'answer' | 'silence'
  /** What was asked; read it only while the sheet is open. */
  readonly query: {
    readonly data: Explanation | undefined
    readonly error: unknown
    readonly isFetching: boolean
    readonly refetch: () => unknown
  }
}

/** «Почему такой ответ»: the explanation beside the dialogue. */
export function ExplanationSheet({ open, onOpenChange, about, query }: ExplanationSheetProps) {
  const { t } = useTranslation('explanation')
  return (
    <Sheet open={open} onOpenChange={onOpenChange}>
      <SheetContent title={t(`title.${about}`)} closeLabel={t('close')} className="sm:w-[min(32rem,100vw)]">
        {query.data ? (
          <ExplanationView explanation={query.data} onFollow={() => onOpenChange(false)} />
        ) : isMissing(query.error) ? (
          <Empty title={t('missing')} />
        ) : query.error ? (
          <Trouble error={query.error} onRetry={() => void query.refetch()} retrying={query.isFetching} />
        ) : (
          <div aria-busy className="flex flex-col gap-5">
            <Skeleton className="h-24 w-full" />
            <SkeletonText lines={4} />
            <SkeletonText lines={6} />
          </div>
        )}
      </SheetContent>
    </Sheet>
  )
}
