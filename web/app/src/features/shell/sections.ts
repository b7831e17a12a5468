import { Bot, KeyRound, LayoutDashboard, MessagesSquare, Wallet, type LucideIcon } from 'lucide-react'

/** A section of the app. */
export interface Section {
  id: 'overview' | 'assistants' | 'chats' | 'wallet' | 'keys'
  to: '/' | '/assistants' | '/chats' | '/wallet' | '/keys'
  icon: LucideIcon
  /** Who has not this permission does not see the section. */
  permission: string | undefined
  /** Has a place in the bar of a phone; others are under «Ещё». */
  onBar: boolean
}

export const SECTIONS: readonly Section[] = [
  { id: 'overview', to: '/', icon: LayoutDashboard, permission: undefined, onBar: true },
  { id: 'assistants', to: '/assistants', icon: Bot, permission: 'assistants.read', onBar: true },
  { id: 'chats', to: '/chats', icon: MessagesSquare, permission: 'chats.read', onBar: true },
  { id: 'wallet', to: '/wallet', icon: Wallet, permission: 'billing.read', onBar: true },
  { id: 'keys', to: '/keys', icon: KeyRound, permission: 'api_keys.manage', onBar: false },
]

/** The sections that a person with these permissions may open. */
export function sectionsFor(permissions: readonly string[]): Section[] {
  return SECTIONS.filter(({ permission }) => permission === undefined || permissions.includes(permission))
}
