import { CopyField, Sheet, SheetContent, Time, type CopyLabels } from '@neipix/ui'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { shortAction } from './audit-table'
import type { AuditRecord } from './queries'

/** One record with all that the chain holds of it. */
export function RecordSheet({ record, onClose }: { record: AuditRecord | undefined; onClose: () => void }) {
  const { t: common } = useTranslation('common')
  return (
    <Sheet open={record !== undefined} onOpenChange={(open) => (open ? undefined : onClose())}>
      {record ? (
        <SheetContent title={shortAction(record.action)} closeLabel={common('close')}>
          <RecordDetails record={record} />
        </SheetContent>
      ) : null}
    </Sheet>
  )
}

function RecordDetails({ record }: { record: AuditRecord }) {
  const { t } = useTranslation('audit')
  const { t: common } = useTranslation('common')
  const copy: CopyLabels = { copy: common('copy'), copied: common('copied'), failed: common('copyFailed') }
  return (
    <div className="flex flex-col gap-5 text-sm">
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-1.5">
        <Line name={t('time')}>{record.time ? <Time value={record.time} show="full" /> : null}</Line>
        <Line name={t('place')}>{record.seq}</Line>
        <Line name={t('service')}>{record.service}</Line>
        <Line name={t('actor')}>{record.actor}</Line>
        <Line name={t('onBehalfOf')}>{record.onBehalfOf}</Line>
        <Line name={t('object')}>{record.object}</Line>
        <Line name={t('reason')}>{record.reason}</Line>
      </dl>
      <section className="flex flex-col gap-2">
        <h2 className="font-semibold">{t('detail')}</h2>
        {record.detail ? (
          <pre className="bg-sunken overflow-x-auto rounded-lg p-3 font-mono text-xs whitespace-pre-wrap">
            {pretty(record.detail)}
          </pre>
        ) : (
          <p className="text-ink-2">{t('noDetail')}</p>
        )}
      </section>
      <CopyField label={t('hash')} value={record.hash} labels={copy} />
      <CopyField label={t('prevHash')} value={record.prevHash} labels={copy} />
    </div>
  )
}

/** A line of what is known; what is empty is left out. */
function Line({ name, children }: { name: string; children: ReactNode }) {
  if (children === null || children === '') return null
  return (
    <>
      <dt className="text-ink-2">{name}</dt>
      <dd className="break-all">{children}</dd>
    </>
  )
}

/** JSON in lines; what is no JSON stays as it is. */
function pretty(detail: string): string {
  try {
    return JSON.stringify(JSON.parse(detail), null, 2)
  } catch {
    return detail
  }
}
