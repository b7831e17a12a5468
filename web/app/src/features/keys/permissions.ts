import type { ru } from './texts.ru'

export type KeyPermission = keyof typeof ru.permissions

/** What a key may hold, the commonest first; the server holds the same list. */
export const KEY_PERMISSIONS: readonly KeyPermission[] = [
  'chats.ask',
  'chats.read',
  'chats.reply',
  'assistants.read',
  'knowledge.read',
  'knowledge.write',
  'channels.read',
  'contacts.read',
]

/** Whether this page has words for it; a newer server may know more. */
export function isKnown(permission: string): permission is KeyPermission {
  return (KEY_PERMISSIONS as readonly string[]).includes(permission)
}

/** The value of «all assistants» in a list: a list has no empty values. */
export const ALL = 'all'
