import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute, Outlet } from '@tanstack/react-router'
import { AssistantHeader } from '@app/features/assistants/assistant-header'
import { AssistantTabs } from '@app/features/assistants/assistant-tabs'
import { useLiveAssistant } from '@app/features/assistants/live-assistants'
import { assistantQuery } from '@app/features/assistants/queries'
import { Page } from '@app/shared/page'

export const Route = createFileRoute('/_app/assistants/$id')({
  loader: ({ context, params }) => context.queries.ensureQueryData(assistantQuery(params.id)),
  component: Screen,
})

function Screen() {
  const { id } = Route.useParams()
  const { data: assistant } = useSuspenseQuery(assistantQuery(id))
  useLiveAssistant(id)
  return (
    <Page>
      <AssistantHeader key={id} assistant={assistant} />
      <AssistantTabs id={id} />
      <div className="flex flex-1 flex-col pt-5">
        <Outlet />
      </div>
    </Page>
  )
}
