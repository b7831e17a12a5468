import { en as auth } from '@app/features/auth/texts.en'
import { en as overview } from '@app/features/overview/texts.en'
import { en as shell } from '@app/features/shell/texts.en'
import { en as common } from '@app/shared/texts.en'

/** Words in English that come with the first screen. */
export const en = {
  common,
  auth,
  overview,
  shell,
}
