import { Sheet, SheetContent } from '@neipix/ui'
import { useTranslation } from 'react-i18next'
import { AccountButton } from './account-button'
import { Navigation } from './navigation'

/** The sections and the person, where there is no room for them beside the screen. */
export default function NarrowMenu({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation('shell')
  return (
    <Sheet open onOpenChange={onClose}>
      <SheetContent title={t('navigation')} closeLabel={t('closeMenu')}>
        <div className="flex flex-col gap-4">
          <Navigation />
          <AccountButton />
        </div>
      </SheetContent>
    </Sheet>
  )
}
