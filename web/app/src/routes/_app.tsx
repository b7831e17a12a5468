import { signedInOnly } from '@neipix/shell'
import { createFileRoute } from '@tanstack/react-router'
import { Shell } from '@app/features/shell/shell'

export const Route = createFileRoute('/_app')({
  beforeLoad: async (entering) => {
    // Every screen but the overview has words that the first ones do without; they come beside the session.
    const words = entering.location.pathname === '/' ? undefined : entering.context.loadWords()
    const [session] = await Promise.all([signedInOnly(entering), words])
    return session
  },
  component: Shell,
})
