import { createFileRoute, redirect } from '@tanstack/react-router'
import { NothingHere } from '@admin/features/shell/nothing-here'
import { sectionsFor } from '@admin/features/shell/sections'

export const Route = createFileRoute('/_panel/')({
  beforeLoad: ({ context }) => {
    const [first] = sectionsFor(context.me.permissions)
    if (first) throw redirect({ to: first.to, replace: true })
  },
  component: NothingHere,
})
