import type { Translation } from '@neipix/shell'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  panel: 'Panel',
  navigation: 'Sections of the panel',
  skip: 'Skip to content',
  menu: 'Open the menu',
  users: 'Users',
  audit: 'Audit',
  account: '{{name}}: theme, language, sign out',
  theme: 'Theme',
  themes: { system: 'As the system', light: 'Light', dark: 'Dark' },
  language: 'Language',
  signOut: 'Sign out',
  palette: {
    open: 'Find an action',
    title: 'What to do',
    placeholder: 'Section or action',
    empty: 'There is no such action. Try another word.',
    list: 'Actions',
    sections: 'Sections',
    deeds: 'Actions',
    lightTheme: 'Light theme',
    darkTheme: 'Dark theme',
    otherLanguage: 'Перейти на русский',
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
