import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { assistantQuery } from '@app/features/assistants/queries'
import { ChannelsView } from '@app/features/channels/channels-view'
import { channelsQuery } from '@app/features/channels/queries'

export const Route = createFileRoute('/_app/assistants/$id/channels')({
  loader: ({ context, params }) => {
    // The screen shows itself what fails.
    void context.queries.prefetchQuery(channelsQuery(params.id))
  },
  component: Screen,
})

function Screen() {
  const { id } = Route.useParams()
  const { data: assistant } = useSuspenseQuery(assistantQuery(id))
  return <ChannelsView key={id} assistantId={id} published={assistant.publishedVersion > 0} />
}
