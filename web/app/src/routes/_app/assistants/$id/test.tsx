import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { useCallback } from 'react'
import { useDraft } from '@app/features/assistants/drafts'
import { assistantQuery } from '@app/features/assistants/queries'
import { simulationQuery } from '@app/features/testing/queries'
import { TestingView } from '@app/features/testing/testing-view'

export const Route = createFileRoute('/_app/assistants/$id/test')({
  loader: ({ context, params }) => {
    // The screen shows itself what fails.
    void context.queries.prefetchQuery(simulationQuery(params.id))
  },
  component: Screen,
})

function Screen() {
  const { id } = Route.useParams()
  const { data: assistant } = useSuspenseQuery(assistantQuery(id))
  const { fields, flush } = useDraft(assistant)
  const navigate = Route.useNavigate()
  const openFile = useCallback(
    (file: string) => void navigate({ to: '/assistants/$id/knowledge', params: { id }, search: { file } }),
    [navigate, id],
  )
  return (
    <TestingView
      key={id}
      answerer={{ id, name: fields.name }}
      publishedVersion={assistant.publishedVersion}
      archived={assistant.status === 'ASSISTANT_STATUS_ARCHIVED'}
      beforeAsk={flush}
      onOpenFile={openFile}
    />
  )
}
