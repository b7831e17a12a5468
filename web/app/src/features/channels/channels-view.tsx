import { Card, CardContent, SkeletonText } from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Info } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { Trouble } from '@app/shared/trouble'
import { ApiCard } from './api-card'
import { channelsQuery, useLiveChannels, type Channel } from './queries'
import { TelegramCard } from './telegram-card'
import { WidgetCard } from './widget-card'

export interface ChannelsViewProps {
  assistantId: string
  /** Whether some version answers. */
  published: boolean
}

/** How customers reach the assistant. */
export function ChannelsView({ assistantId, published }: ChannelsViewProps) {
  const { t } = useTranslation('channels')
  const channels = useQuery(channelsQuery(assistantId))
  useLiveChannels(assistantId)
  if (channels.isPending) return <CardSkeletons />
  if (!channels.data)
    return (
      <Trouble
        error={channels.error}
        onRetry={() => void channels.refetch()}
        retrying={channels.isFetching}
      />
    )
  const of = (kind: Channel['kind']) => channels.data.filter((channel) => channel.kind === kind)
  return (
    <div className="flex flex-col gap-4">
      {published ? null : (
        <p className="bg-sunken flex items-start gap-2 rounded-lg px-4 py-3 text-sm">
          <Info aria-hidden className="text-ink-2 mt-0.5 size-4 shrink-0" />
          {t('notPublished')}
        </p>
      )}
      <div className="grid items-start gap-4 xl:grid-cols-2">
        <WidgetCard assistantId={assistantId} channel={of('CHANNEL_KIND_WIDGET')[0]} />
        <TelegramCard assistantId={assistantId} bots={of('CHANNEL_KIND_TELEGRAM')} />
        <ApiCard assistantId={assistantId} channel={of('CHANNEL_KIND_API')[0]} />
      </div>
    </div>
  )
}

function CardSkeletons() {
  const { t } = useTranslation('common')
  return (
    <div aria-busy className="grid gap-4 xl:grid-cols-2">
      <span role="status" className="sr-only">
        {t('loading')}
      </span>
      {Array.from({ length: 3 }, (_, n) => (
        <Card key={n}>
          <CardContent>
            <SkeletonText lines={6} />
          </CardContent>
        </Card>
      ))}
    </div>
  )
}
