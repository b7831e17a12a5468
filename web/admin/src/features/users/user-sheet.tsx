import { useMay } from '@neipix/shell'
import { buttonVariants, CopyField, Money, Sheet, SheetContent, Time, type CopyLabels } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { DirectoryUser } from './queries'
import { Standing } from './users-table'

/** One user beside the table: what they own, and the ids that support asks for. */
export function UserSheet({ user, onClose }: { user: DirectoryUser | undefined; onClose: () => void }) {
  const { t } = useTranslation('users')
  const { t: common } = useTranslation('common')
  return (
    <Sheet open={user !== undefined} onOpenChange={(open) => (open ? undefined : onClose())}>
      {user ? (
        <SheetContent title={user.name || t('noName')} description={user.email} closeLabel={common('close')}>
          <UserDetails user={user} />
        </SheetContent>
      ) : null}
    </Sheet>
  )
}

function UserDetails({ user }: { user: DirectoryUser }) {
  const { t } = useTranslation('users')
  const { t: common } = useTranslation('common')
  const mayAudit = useMay('platform.audit.read')
  const copy: CopyLabels = { copy: common('copy'), copied: common('copied'), failed: common('copyFailed') }
  const count = user.workspaces.length
  return (
    <div className="flex flex-col gap-5 text-sm">
      <Standing user={user} />
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">
        <dt className="text-ink-2">{t('balance')}</dt>
        <dd>
          <Money microPix={user.availableMicroPix} priceMicroRub={null} />
        </dd>
        <dt className="text-ink-2">{t('since')}</dt>
        <dd>{user.createTime ? <Time value={user.createTime} show="full" /> : null}</dd>
      </dl>
      <CopyField label={t('id')} value={user.id} labels={copy} />
      <section className="flex flex-col gap-3">
        <h2 className="font-semibold">{count > 0 ? t('companiesOf', { count }) : t('noCompanies')}</h2>
        {user.workspaces.map((workspace) => (
          <div key={workspace.id} className="border-line flex flex-col gap-2 rounded-lg border p-3">
            <CopyField
              label={t('company', { id: workspace.id.slice(-6) })}
              value={workspace.id}
              labels={copy}
            />
            <div className="flex flex-wrap items-center justify-between gap-2">
              <Money microPix={workspace.availableMicroPix} priceMicroRub={null} />
              {mayAudit ? (
                <Link
                  to="/audit"
                  search={{ workspace: workspace.id }}
                  className={buttonVariants({ size: 'sm' })}
                >
                  {t('auditOf')}
                </Link>
              ) : null}
            </div>
          </div>
        ))}
      </section>
    </div>
  )
}
