import { ru as auth } from '@app/features/auth/texts.ru'
import { ru as overview } from '@app/features/overview/texts.ru'
import { ru as shell } from '@app/features/shell/texts.ru'
import { ru as common } from '@app/shared/texts.ru'

/** Words in Russian, the source, that come with the first screen: the doors', the overview's, and those of every screen. */
export const ru = {
  common,
  auth,
  overview,
  shell,
}
