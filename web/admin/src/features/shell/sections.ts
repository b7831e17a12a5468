import { ScrollText, UsersRound, type LucideIcon } from 'lucide-react'

export interface Section {
  to: '/users' | '/audit'
  /** Key of its name. */
  name: 'users' | 'audit'
  icon: LucideIcon
  /** What a role must hold to see it. */
  permission: string
}

/** The panel's screens, in the order of the navigation. */
export const SECTIONS: readonly Section[] = [
  { to: '/users', name: 'users', icon: UsersRound, permission: 'platform.users.read' },
  { to: '/audit', name: 'audit', icon: ScrollText, permission: 'platform.audit.read' },
]

/** Those that somebody with these permissions may open. */
export function sectionsFor(permissions: readonly string[]): readonly Section[] {
  return SECTIONS.filter((section) => permissions.includes(section.permission))
}
