import type { Translation } from '@neipix/shell'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  panel: 'Panel',
  navigation: 'Sections of the panel',
  skip: 'Skip to content',
  menu: 'Open the menu',
  closeMenu: 'Close the menu',
  users: 'Users',
  audit: 'Audit',
  account: '{{name}}: theme, language, sign out',
  theme: 'Theme',
  themes: { system: 'As the system', light: 'Light', dark: 'Dark' },
  language: 'Language',
  signOut: 'Sign out',
  find: 'Find',
  palette: {
    title: 'Find or do',
    placeholder: 'Section or action',
    empty: 'Nothing was found. Try another word.',
    list: 'Commands',
    close: 'Close the search',
    sections: 'Sections',
    deeds: 'Do',
    looks: 'Looks',
  },
  roles: {
    PLATFORM_ROLE_UNSPECIFIED: 'no role',
    PLATFORM_ROLE_SUPERADMIN: 'superadmin',
    PLATFORM_ROLE_ADMIN: 'admin',
    PLATFORM_ROLE_BILLING: 'billing',
    PLATFORM_ROLE_SUPPORT: 'support',
    PLATFORM_ROLE_CONTENT: 'content',
  },
  nothing: {
    title: 'There are no sections for your role yet',
    hint: 'When there are, they will be in the menu on the left. A superadmin gives another role.',
  },
}
