import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute, useLocation } from '@tanstack/react-router'
import { assistantQuery } from '@app/features/assistants/queries'
import { KnowledgeBase } from '@app/features/knowledge/knowledge-base'
import { filePages } from '@app/features/knowledge/queries'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export const Route = createFileRoute('/_app/assistants/$id/knowledge')({
  validateSearch: (input: Record<string, unknown>): { file?: string | undefined } => ({
    // Said in full: what is left out stays as the address has it.
    file: typeof input['file'] === 'string' && UUID.test(input['file']) ? input['file'] : undefined,
  }),
  loader: ({ context, params }) => {
    // The list shows itself what fails.
    void context.queries.prefetchInfiniteQuery(filePages(params.id, ''))
  },
  component: Screen,
})

function Screen() {
  const { id } = Route.useParams()
  const { file } = Route.useSearch()
  // Explanations lead to a file by a hash.
  const hash = useLocation({ select: (location) => location.hash })
  const named = /^file-(.+)$/.exec(hash)?.[1]
  const navigate = Route.useNavigate()
  const { data: assistant } = useSuspenseQuery(assistantQuery(id))
  return (
    <KnowledgeBase
      key={id}
      assistantId={id}
      closed={assistant.status === 'ASSISTANT_STATUS_ARCHIVED'}
      openFile={file ?? named}
      onOpenFile={(open) => void navigate({ search: { file: open }, hash: '', replace: !open })}
    />
  )
}
