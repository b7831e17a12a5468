import {
  Dialog,
  DialogBody,
  DialogContent,
  DialogDescription,
  DialogHeader,
  DialogTitle,
  Kbd,
} from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { useOffers, type ShortcutGroup } from '@app/shared/commands'
import { MOD } from './keys'
import { openWindow } from './state'

/** The keys of every screen and of those that are open. */
export default function Help() {
  const { t } = useTranslation(['shell', 'common'])
  const offered = useOffers((offers) => offers.shortcuts)
  const everywhere: ShortcutGroup = {
    heading: t('helpWindow.everywhere'),
    shortcuts: [
      { keys: [MOD, 'K'], label: t('helpWindow.palette') },
      { keys: ['?'], label: t('helpWindow.help') },
      { keys: ['Esc'], label: t('helpWindow.escape') },
    ],
  }
  return (
    <Dialog open onOpenChange={(open) => openWindow(open ? 'help' : null)}>
      <DialogContent closeLabel={t('common:close')}>
        <DialogHeader>
          <DialogTitle>{t('helpWindow.title')}</DialogTitle>
          <DialogDescription>{t('helpWindow.hint')}</DialogDescription>
        </DialogHeader>
        <DialogBody className="pb-5">
          {[...offered.values(), everywhere].map((group) => (
            <section key={group.heading} className="flex flex-col gap-1">
              <h3 className="text-ink-2 text-xs font-medium">{group.heading}</h3>
              <dl>
                {group.shortcuts.map(({ keys, label }) => (
                  <div key={label} className="flex min-h-8 items-center justify-between gap-4 text-sm">
                    <dt>{label}</dt>
                    <dd>
                      <Kbd keys={keys} />
                    </dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </DialogBody>
      </DialogContent>
    </Dialog>
  )
}
