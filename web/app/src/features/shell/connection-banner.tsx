import { Banner, Button } from '@neipix/ui'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { useTranslation } from 'react-i18next'
import { useLiveState } from '@app/shared/live'

/** A break shorter than this is not worth a word, in milliseconds. The person hears of a longer one within 3 s. */
export const QUIET = 2000

function useOnline(): boolean {
  return useSyncExternalStore(
    (changed) => {
      window.addEventListener('online', changed)
      window.addEventListener('offline', changed)
      return () => {
        window.removeEventListener('online', changed)
        window.removeEventListener('offline', changed)
      }
    },
    () => navigator.onLine,
  )
}

/** Whether this has been true for so long without a break. */
function useLasting(now: boolean, ms: number): boolean {
  const [lasted, setLasted] = useState(false)
  useEffect(() => {
    if (!now) return
    const timer = setTimeout(() => setLasted(true), ms)
    return () => {
      clearTimeout(timer)
      setLasted(false)
    }
  }, [now, ms])
  return now && lasted
}

/** Says when there is no network, no live connection, or the page is too old for one. */
export function ConnectionBanner() {
  const { t } = useTranslation('shell')
  const online = useOnline()
  const state = useLiveState()
  const broken = useLasting(state.is === 'waiting' || state.is === 'connecting', QUIET)
  if (!online) return <Banner tone="offline">{t('offline')}</Banner>
  if (state.is === 'stopped' && state.why === 'protocol') {
    const reload = (
      <Button size="sm" onClick={() => window.location.reload()}>
        {t('reload')}
      </Button>
    )
    return (
      <Banner tone="warn" action={reload}>
        {t('outdated')}
      </Banner>
    )
  }
  return broken ? <Banner tone="warn">{t('reconnecting')}</Banner> : null
}
