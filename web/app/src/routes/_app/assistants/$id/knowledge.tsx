import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { assistantQuery } from '@app/features/assistants/queries'
import { KnowledgeBase } from '@app/features/knowledge/knowledge-base'
import { filePages } from '@app/features/knowledge/queries'

export const Route = createFileRoute('/_app/assistants/$id/knowledge')({
  validateSearch: (input: Record<string, unknown>): { file?: string } =>
    typeof input['file'] === 'string' ? { file: input['file'] } : {},
  loader: ({ context, params }) => {
    // The list shows itself what fails.
    void context.queries.prefetchInfiniteQuery(filePages(params.id, ''))
  },
  component: Screen,
})

function Screen() {
  const { id } = Route.useParams()
  const { file } = Route.useSearch()
  const navigate = Route.useNavigate()
  const { data: assistant } = useSuspenseQuery(assistantQuery(id))
  return (
    <KnowledgeBase
      key={id}
      assistantId={id}
      closed={assistant.status === 'ASSISTANT_STATUS_ARCHIVED'}
      openFile={file}
      onOpenFile={(open) => void navigate({ search: open ? { file: open } : {}, replace: !open })}
    />
  )
}
