import { nextSearch, onlyGuests } from '@neipix/shell'
import { createFileRoute } from '@tanstack/react-router'

export const Route = createFileRoute('/login')({
  validateSearch: nextSearch,
  beforeLoad: onlyGuests,
  component: () => null,
})
