import { signedInOnly } from '@neipix/shell'
import { createFileRoute } from '@tanstack/react-router'
import { Shell } from '@app/features/shell/shell'

export const Route = createFileRoute('/_app')({ beforeLoad: signedInOnly, component: Shell })
