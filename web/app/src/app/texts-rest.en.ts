import { en as assistants } from '@app/features/assistants/texts.en'
import { en as channels } from '@app/features/channels/texts.en'
import { en as inbox } from '@app/features/inbox/texts.en'
import { en as keys } from '@app/features/keys/texts.en'
import { en as knowledge } from '@app/features/knowledge/texts.en'
import { en as testing } from '@app/features/testing/texts.en'
import { en as wallet } from '@app/features/wallet/texts.en'
import { en as explanation } from '@app/widgets/explanation/texts.en'

/** Words in English of all other screens. */
export const en = {
  assistants,
  channels,
  explanation,
  inbox,
  keys,
  knowledge,
  testing,
  wallet,
}
