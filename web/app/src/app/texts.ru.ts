import { ru as assistants } from '@app/features/assistants/texts.ru'
import { ru as auth } from '@app/features/auth/texts.ru'
import { ru as channels } from '@app/features/channels/texts.ru'
import { ru as inbox } from '@app/features/inbox/texts.ru'
import { ru as keys } from '@app/features/keys/texts.ru'
import { ru as knowledge } from '@app/features/knowledge/texts.ru'
import { ru as overview } from '@app/features/overview/texts.ru'
import { ru as shell } from '@app/features/shell/texts.ru'
import { ru as testing } from '@app/features/testing/texts.ru'
import { ru as wallet } from '@app/features/wallet/texts.ru'
import { ru as common } from '@app/shared/texts.ru'
import { ru as explanation } from '@app/widgets/explanation/texts.ru'

/** All words in Russian, the source: a namespace per feature. A new feature adds a line here and in `texts.en.ts`. */
export const ru = {
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
