import { ru as assistants } from '@app/features/assistants/texts.ru'
import { ru as channels } from '@app/features/channels/texts.ru'
import { ru as inbox } from '@app/features/inbox/texts.ru'
import { ru as keys } from '@app/features/keys/texts.ru'
import { ru as knowledge } from '@app/features/knowledge/texts.ru'
import { ru as testing } from '@app/features/testing/texts.ru'
import { ru as wallet } from '@app/features/wallet/texts.ru'
import { ru as explanation } from '@app/widgets/explanation/texts.ru'

/** Words in Russian of all other screens, a namespace per feature. A new feature adds a line here and in `texts-rest.en.ts`. */
export const ru = {
  assistants,
  channels,
  explanation,
  inbox,
  keys,
  knowledge,
  testing,
  wallet,
}
