/** Tabs of one assistant and dialogues of one inbox are one screen: moving between them keeps the focus. */
export function screenOf(pathname: string): string {
  const [section = '', id = ''] = pathname.split('/').filter(Boolean)
  return section === 'chats' ? section : `${section}/${id}`
}
