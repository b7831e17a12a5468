import { Card, CardHeader, CardTitle, cn, Skeleton } from '@neipix/ui'
import type { ReactNode } from 'react'
import { Trouble } from '@app/shared/trouble'

export interface ListCardProps<Row> {
  title: string
  /** The way to all of them. */
  all?: ReactNode
  /** `undefined` while they load. */
  rows: readonly Row[] | undefined
  rowId: (row: Row) => string
  row: (row: Row) => ReactNode
  empty: ReactNode
  error: unknown
  onRetry: () => void
  className?: string
}

/** A few rows of something, with all that a list may be: loading, empty, failed, refused. */
export function ListCard<Row>(props: ListCardProps<Row>) {
  const { title, all, rows, rowId, row, empty, error, onRetry, className } = props
  return (
    <Card className={cn('min-h-0', className)}>
      <CardHeader className="items-center">
        <CardTitle>{title}</CardTitle>
        {all}
      </CardHeader>
      {rows ? (
        rows.length === 0 ? (
          empty
        ) : (
          <ul className="divide-line flex flex-col divide-y px-5 py-2">
            {rows.map((one) => (
              <li key={rowId(one)} className="py-1">
                {row(one)}
              </li>
            ))}
          </ul>
        )
      ) : error ? (
        <Trouble error={error} onRetry={onRetry} />
      ) : (
        <Rows />
      )}
    </Card>
  )
}

function Rows() {
  return (
    <div aria-hidden className="flex flex-col gap-4 p-5">
      {[0, 1, 2].map((row) => (
        <div key={row} className="flex items-center gap-3">
          <Skeleton className="size-9 shrink-0" />
          <div className="flex flex-1 flex-col gap-2">
            <Skeleton className="h-4 w-1/3" />
            <Skeleton className="h-3 w-2/3" />
          </div>
        </div>
      ))}
    </div>
  )
}

/** The look of a row that leads somewhere. */
export const rowLink = 'hover:bg-sunken -mx-2.5 flex min-h-12 items-center gap-3 rounded-md px-2.5 py-1.5'
