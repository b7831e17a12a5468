import { createFileRoute } from '@tanstack/react-router'
import { auditSearch } from '@admin/features/audit/search'
import { AuditScreen } from '@admin/features/audit/audit-screen'

export const Route = createFileRoute('/_panel/audit')({ validateSearch: auditSearch, component: Audit })

function Audit() {
  const navigate = Route.useNavigate()
  return (
    <AuditScreen
      search={Route.useSearch()}
      onSearch={(search, { replace }) => void navigate({ search, replace })}
    />
  )
}
