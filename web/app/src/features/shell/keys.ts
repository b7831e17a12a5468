import { isFind } from '@neipix/shell'
import { useEffect } from 'react'
import { isTyping } from '@app/shared/commands'
import { openWindow } from './state'

export { MOD } from '@neipix/shell'

/** The keys that work on every screen: ⌘K and «?». */
export function useShellKeys(): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (isFind(event)) {
        event.preventDefault()
        openWindow('palette')
      } else if (event.key === '?' && !event.metaKey && !event.ctrlKey && !isTyping(event.target)) {
        event.preventDefault()
        openWindow('help')
      }
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}
