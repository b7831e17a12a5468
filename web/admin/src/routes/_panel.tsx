import { signedInOnly } from '@neipix/shell'
import { createFileRoute } from '@tanstack/react-router'
import { Shell } from '@admin/features/shell/shell'

export const Route = createFileRoute('/_panel')({ beforeLoad: signedInOnly, component: Shell })
