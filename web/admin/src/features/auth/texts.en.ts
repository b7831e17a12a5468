import type { Translation } from '@neipix/shell'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  title: 'Log-in for Neipix staff',
  lead: 'The panel of the platform. Customers sign in at the app.',
  email: 'E-mail',
  emailWrong: 'There seems to be a typo: an address looks like name@company.com',
  password: 'Password',
  passwordMissing: 'Enter the password',
  submit: 'Sign in',
}
