import { createFileRoute } from '@tanstack/react-router'
import { NothingOpen } from '@app/features/inbox/nothing-open'

export const Route = createFileRoute('/_app/chats/')({ component: NothingOpen })
