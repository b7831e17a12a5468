import { ru as common } from '@neipix/shell/texts.ru'
import { ru as audit } from '@admin/features/audit/texts.ru'
import { ru as auth } from '@admin/features/auth/texts.ru'
import { ru as shell } from '@admin/features/shell/texts.ru'
import { ru as users } from '@admin/features/users/texts.ru'

/** All words of the panel: a namespace per feature. Where the app speaks of the owner, the panel speaks of a superadmin. */
export const ru = {
  common: {
    ...common,
    home: 'К первому разделу',
    noAccess: { ...common.noAccess, hint: 'Доступ даёт суперадминистратор.' },
    reasons: { ...common.reasons, PERMISSION_DENIED: 'На это у вас нет прав. Их даёт суперадминистратор.' },
  },
  audit,
  auth,
  shell,
  users,
}
