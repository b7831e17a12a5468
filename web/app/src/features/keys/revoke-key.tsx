import type { Schemas } from '@neipix/api'
import { Confirm } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { problemText } from '@app/shared/problems'
import { toaster } from '@app/shared/toaster'
import { useRevokeKey } from './queries'

/** Asks before a key ends for good. */
export default function RevokeKey({ apiKey, onClose }: { apiKey: Schemas['ApiKey']; onClose: () => void }) {
  const { t } = useTranslation(['keys', 'common'])
  const revoke = useRevokeKey()
  const confirm = () => {
    revoke.mutate(apiKey.id, {
      onSuccess: () => {
        onClose()
        toaster.show({ tone: 'ok', title: t('revoked') })
      },
    })
  }
  return (
    <Confirm
      open
      onOpenChange={(open) => (open ? undefined : onClose())}
      title={t('revokeTitle', { name: apiKey.name })}
      description={t('revokeHint')}
      confirmLabel={t('revoke')}
      cancelLabel={t('common:cancel')}
      pending={revoke.isPending}
      error={revoke.error ? problemText(revoke.error) : undefined}
      onConfirm={confirm}
    />
  )
}
