import type { Translation } from '@app/shared/translation'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  title: '{{titleEn}}',
  empty: 'Nothing here yet',
  emptyHint: 'When something comes, you see it here.',
}
