import { createFileRoute } from '@tanstack/react-router'
import { DialoguePane } from '@app/features/inbox/dialogue-pane'
import { dialogue, thread } from '@app/features/inbox/queries'
import { dialogueSearch } from '@app/features/inbox/search'

export const Route = createFileRoute('/_app/chats/$id')({
  validateSearch: dialogueSearch,
  // Begun here so that it runs beside the code's loading; the pane shows how it ends.
  loader: ({ context, params }) => {
    void context.queries.prefetchQuery(dialogue(params.id))
    void context.queries.prefetchQuery(thread(params.id))
  },
  component: Screen,
})

function Screen() {
  const { id } = Route.useParams()
  const { why, side } = Route.useSearch()
  const navigate = Route.useNavigate()
  return (
    <DialoguePane
      key={id}
      id={id}
      why={why}
      onWhy={(next) =>
        void navigate({ search: (before) => ({ ...before, why: next }), replace: next === undefined })
      }
      side={side === true}
      onSide={(next) =>
        void navigate({ search: (before) => ({ ...before, side: next || undefined }), replace: !next })
      }
    />
  )
}
