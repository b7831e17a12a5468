import { en as assistants } from '@app/features/assistants/texts.en'
import { en as auth } from '@app/features/auth/texts.en'
import { en as channels } from '@app/features/channels/texts.en'
import { en as inbox } from '@app/features/inbox/texts.en'
import { en as keys } from '@app/features/keys/texts.en'
import { en as knowledge } from '@app/features/knowledge/texts.en'
import { en as overview } from '@app/features/overview/texts.en'
import { en as shell } from '@app/features/shell/texts.en'
import { en as testing } from '@app/features/testing/texts.en'
import { en as wallet } from '@app/features/wallet/texts.en'
import { en as common } from '@app/shared/texts.en'
import { en as explanation } from '@app/widgets/explanation/texts.en'

/** All words in English. */
export const en = {
  common,
  assistants,
  auth,
  channels,
  explanation,
  inbox,
  keys,
  knowledge,
  overview,
  shell,
  testing,
  wallet,
}
