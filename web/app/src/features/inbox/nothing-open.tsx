import { Empty } from '@neipix/ui'
import { MessagesSquare } from 'lucide-react'
import { useTranslation } from 'react-i18next'

/** In place of a dialogue. */
export function NothingOpen() {
  const { t } = useTranslation('inbox')
  return (
    <Empty
      icon={<MessagesSquare aria-hidden />}
      title={t('nothingOpen.title')}
      hint={<span className="pointer-coarse:hidden">{t('nothingOpen.hint')}</span>}
    />
  )
}
