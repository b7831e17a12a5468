import { createFileRoute } from '@tanstack/react-router'
import { Overview } from '@app/features/overview/overview'
import { Page } from '@app/shared/page'

export const Route = createFileRoute('/_app/')({
  component: () => (
    <Page>
      <Overview />
    </Page>
  ),
})
