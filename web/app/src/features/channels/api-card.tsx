import {
  Button,
  Card,
  CardContent,
  CardDescription,
  CardHeader,
  CardTitle,
  Confirm,
  IconButton,
  SkeletonText,
  Time,
} from '@neipix/ui'
import { useQuery } from '@tanstack/react-query'
import { Code, KeyRound, Plus, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMay } from '@app/shared/session'
import { toaster } from '@app/shared/toaster'
import { Trouble } from '@app/shared/trouble'
import { ChannelState } from './channel-state'
import { CurlExample } from './curl-example'
import { KeyDialog } from './key-dialog'
import { useProblemText } from './problem'
import { keysQuery, useRevokeKey, type ApiKey, type Channel } from './queries'

/** The program's way to the assistant: keys and a first request. */
export function ApiCard({ assistantId, channel }: { assistantId: string; channel: Channel | undefined }) {
  const { t } = useTranslation('channels')
  const mayManage = useMay('api_keys.manage')
  const [creating, setCreating] = useState(false)
  return (
    <Card aria-labelledby="api-title">
      <CardHeader>
        <CardTitle id="api-title" className="flex items-center gap-2">
          <Code aria-hidden className="text-ink-2 size-5" />
          {t('api.title')}
        </CardTitle>
        {channel ? <ChannelState state={channel.state} /> : null}
        <CardDescription>{t('api.text')}</CardDescription>
      </CardHeader>
      <CardContent className="flex flex-col gap-5">
        {mayManage ? (
          <section aria-labelledby="api-keys" className="flex flex-col gap-3">
            <div className="flex flex-wrap items-center justify-between gap-2">
              <h3 id="api-keys" className="text-sm font-semibold">
                {t('api.keys')}
              </h3>
              <Button size="sm" onClick={() => setCreating(true)}>
                <Plus aria-hidden />
                {t('api.create')}
              </Button>
            </div>
            <Keys assistantId={assistantId} />
          </section>
        ) : (
          <p className="text-ink-2 text-sm">{t('api.noRight')}</p>
        )}
        <CurlExample secret={undefined} />
        <KeyDialog assistantId={assistantId} open={creating} onClose={() => setCreating(false)} />
      </CardContent>
    </Card>
  )
}

function Keys({ assistantId }: { assistantId: string }) {
  const { t } = useTranslation('channels')
  const keys = useQuery(keysQuery(assistantId))
  const [revoking, setRevoking] = useState<ApiKey>()
  if (keys.isPending) return <SkeletonText lines={2} />
  if (!keys.data)
    return <Trouble error={keys.error} onRetry={() => void keys.refetch()} retrying={keys.isFetching} />
  const alive = keys.data.filter(({ revokeTime }) => !revokeTime)
  if (alive.length === 0) return <p className="text-ink-2 text-sm">{t('api.none')}</p>
  return (
    <>
      <ul className="border-line divide-line divide-y rounded-lg border">
        {alive.map((key) => (
          <li key={key.id} className="flex items-center gap-3 px-3 py-2">
            <KeyRound aria-hidden className="text-ink-2 size-4 shrink-0" />
            <div className="min-w-0 flex-1">
              <p className="truncate text-sm font-medium">{key.name}</p>
              <p className="text-ink-2 text-xs">
                <code className="font-mono">{key.prefix}…</code>{' '}
                {key.lastUseTime ? (
                  <>
                    {t('api.lastUse')} <Time value={key.lastUseTime} />
                  </>
                ) : (
                  t('api.neverUsed')
                )}
              </p>
            </div>
            <IconButton
              size="sm"
              aria-label={t('api.revoke', { name: key.name })}
              onClick={() => setRevoking(key)}
            >
              <Trash2 aria-hidden />
            </IconButton>
          </li>
        ))}
      </ul>
      <RevokeQuestion assistantId={assistantId} apiKey={revoking} onClose={() => setRevoking(undefined)} />
    </>
  )
}

interface RevokeQuestionProps {
  assistantId: string
  apiKey: ApiKey | undefined
  onClose: () => void
}

function RevokeQuestion({ assistantId, apiKey, onClose }: RevokeQuestionProps) {
  const { t } = useTranslation('channels')
  const revoke = useRevokeKey(assistantId)
  const problemText = useProblemText()
  // The words stay while the question fades away.
  const [shown, setShown] = useState(apiKey)
  if (apiKey && apiKey !== shown) setShown(apiKey)
  const name = shown?.name ?? ''
  const close = () => {
    revoke.reset()
    onClose()
  }
  const confirm = () => {
    if (!apiKey) return
    revoke.mutate(apiKey.id, {
      onSuccess: () => {
        toaster.show({ tone: 'ok', title: t('api.revokedToast', { name }) })
        close()
      },
    })
  }
  return (
    <Confirm
      open={apiKey !== undefined}
      onOpenChange={(open) => {
        if (!open) close()
      }}
      title={t('api.revokeTitle', { name })}
      description={t('api.revokeText')}
      confirmLabel={t('api.revokeConfirm')}
      cancelLabel={t('cancel', { ns: 'common' })}
      pending={revoke.isPending}
      error={revoke.isError ? problemText(revoke.error) : undefined}
      onConfirm={confirm}
    />
  )
}
