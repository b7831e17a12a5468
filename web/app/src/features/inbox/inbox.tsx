import { cn } from '@neipix/ui'
import { useQueryClient } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { CoreContext, inboxOf } from './core'
import { ListPane } from './list-pane'

export interface InboxProps {
  /** The person's id. */
  readonly me: string
  /** The open dialogue, or what stands in its place. */
  readonly children: ReactNode
}

/** The inbox: list, dialogue, customer. Where there is no room for panes beside each other, they are pages. */
export function Inbox({ me, children }: InboxProps) {
  const queries = useQueryClient()
  const { id } = useParams({ strict: false })
  const search = useSearch({ from: '/_app/chats' })
  const open = id !== undefined
  return (
    <CoreContext value={inboxOf(queries, me)}>
      <div data-slot="inbox" className="@container/inbox h-full min-h-0">
        <div className="flex h-full min-h-0">
          <div
            className={cn(
              'border-line h-full w-full min-w-0 flex-col @2xl/inbox:flex @2xl/inbox:w-80 @2xl/inbox:shrink-0 @2xl/inbox:border-e',
              open ? 'hidden' : 'flex',
            )}
          >
            <ListPane search={search} openId={id} />
          </div>
          <div className={cn('h-full min-w-0 flex-1 flex-col @2xl/inbox:flex', open ? 'flex' : 'hidden')}>
            {children}
          </div>
        </div>
      </div>
    </CoreContext>
  )
}
