import { en as common } from '@neipix/shell/texts.en'
import { en as audit } from '@admin/features/audit/texts.en'
import { en as auth } from '@admin/features/auth/texts.en'
import { en as shell } from '@admin/features/shell/texts.en'
import { en as users } from '@admin/features/users/texts.en'

/** All words of the panel: a namespace per feature. Where the app speaks of the owner, the panel speaks of a superadmin. */
export const en = {
  common: {
    ...common,
    home: 'Go to the first section',
    noAccess: { ...common.noAccess, hint: 'A superadmin gives access.' },
    reasons: { ...common.reasons, PERMISSION_DENIED: 'You may not do this. A superadmin gives rights.' },
  },
  audit,
  auth,
  shell,
  users,
}
