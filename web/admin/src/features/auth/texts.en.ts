import type { Translation } from '@neipix/shell'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  login: {
    title: 'Log-in for Neipix staff',
    lead: 'The panel of the platform. Customers sign in at the app.',
    submit: 'Sign in',
    remember: 'Remember for 30 days',
  },
  fields: {
    email: 'E-mail',
    password: 'Password',
    showPassword: 'Show the password',
    hidePassword: 'Hide the password',
  },
  errors: {
    email: 'There seems to be a typo: an address looks like name@company.com',
    passwordEmpty: 'Enter the password',
  },
}
