import { useSuspenseQuery } from '@tanstack/react-query'
import { createFileRoute } from '@tanstack/react-router'
import { InstructionForm } from '@app/features/assistants/instruction-form'
import { assistantQuery } from '@app/features/assistants/queries'

export const Route = createFileRoute('/_app/assistants/$id/instruction')({ component: Screen })

function Screen() {
  const { id } = Route.useParams()
  const { data: assistant } = useSuspenseQuery(assistantQuery(id))
  return <InstructionForm key={id} assistant={assistant} />
}
