import { createFileRoute, redirect } from '@tanstack/react-router'

export const Route = createFileRoute('/_app/assistants/$id/')({
  beforeLoad: ({ params }) => {
    throw redirect({ to: '/assistants/$id/instruction', params, replace: true })
  },
})
