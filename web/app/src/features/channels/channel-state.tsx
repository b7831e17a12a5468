import { Badge, Button, Spinner, Time, type BadgeProps } from '@neipix/ui'
import { CircleAlert, CircleCheck, CircleOff } from 'lucide-react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { toaster } from '@app/shared/toaster'
import { useProblemText } from './problem'
import { useCheckChannel, type Channel } from './queries'

const LOOKS: Record<Channel['state'], { tone: NonNullable<BadgeProps['tone']>; icon: ReactNode }> = {
  CHANNEL_STATE_UNSPECIFIED: { tone: 'neutral', icon: null },
  CHANNEL_STATE_NOT_CONNECTED: { tone: 'neutral', icon: <CircleOff aria-hidden /> },
  CHANNEL_STATE_CHECKING: { tone: 'neutral', icon: <Spinner /> },
  CHANNEL_STATE_CONNECTED: { tone: 'ok', icon: <CircleCheck aria-hidden /> },
  CHANNEL_STATE_ERROR: { tone: 'danger', icon: <CircleAlert aria-hidden /> },
}

/** Where a channel stands, in a word. */
export function ChannelState({ state }: { state: Channel['state'] }) {
  const { t } = useTranslation('channels')
  const { tone, icon } = LOOKS[state]
  return (
    <Badge tone={tone} icon={icon}>
      {t(`state.${state}`)}
    </Badge>
  )
}

/** What went wrong last, and when that was looked at. */
export function ChannelNews({ channel }: { channel: Channel }) {
  const { t, i18n } = useTranslation('channels')
  const trouble = i18n.language === 'en' ? channel.lastErrorEn : channel.lastErrorRu
  return (
    <>
      {trouble ? (
        <p role="alert" className="text-danger text-sm break-words">
          {trouble}
        </p>
      ) : null}
      {channel.checkTime ? (
        <p className="text-ink-2 text-xs">
          {t('checked')} <Time value={channel.checkTime} />
        </p>
      ) : null}
    </>
  )
}

/** Asks the messaging service at once how the channel is. */
export function CheckButton({ assistantId, channel }: { assistantId: string; channel: Channel }) {
  const { t } = useTranslation('channels')
  const check = useCheckChannel(assistantId)
  const problemText = useProblemText()
  const press = () =>
    check.mutate(channel.id, {
      onSuccess: ({ state }) => {
        const works = state === 'CHANNEL_STATE_CONNECTED'
        toaster.show({ tone: works ? 'ok' : 'danger', title: t(works ? 'checkedOk' : 'checkedBad') })
      },
      onError: (error) => toaster.show({ tone: 'danger', title: problemText(error) }),
    })
  return (
    <Button size="sm" loading={check.isPending} onClick={press}>
      {t('check')}
    </Button>
  )
}
