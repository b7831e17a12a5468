import type { Translation } from '@app/shared/translation'
import type { ru } from './texts.ru'

export const en: Translation<typeof ru> = {
  promise: 'AI assistants answer your customers. A person can take over any dialogue.',
  login: {
    title: 'Welcome back',
    hint: 'Sign in to see what your assistants are doing.',
    submit: 'Sign in',
    remember: 'Remember for 30 days',
    other: 'No account yet?',
    otherLink: 'Sign up',
    ended: 'Your session has ended. Sign in again and you return to where you were.',
  },
  register: {
    title: 'Let us begin with you',
    hint: 'A minute, and you can create your first assistant. No card needed.',
    submit: 'Continue',
    other: 'Already have an account?',
    otherLink: 'Sign in',
  },
  code: {
    title: 'Check your mail',
    hint: 'We sent six digits to {{email}}. If there is no letter, look into spam.',
    label: 'Code from the letter',
    submit: 'Confirm',
    resend: 'Send the code again',
    resendIn_one: 'Send again in {{count}} second',
    resendIn_other: 'Send again in {{count}} seconds',
    sent: 'A new code is on its way. The old one no longer works.',
    back: 'Use another address',
  },
  fields: {
    email: 'E-mail',
    password: 'Password',
    passwordHint: 'At least 8 characters',
    name: 'Your name',
    workspaceName: 'Company',
    showPassword: 'Show the password',
    hidePassword: 'Hide the password',
  },
  errors: {
    email: 'This address seems to have a typo. It looks like name@domain.com.',
    passwordEmpty: 'Enter the password.',
    password: '8 to 200 characters.',
    name: '1 to 100 characters.',
    workspaceName: 'At most 100 characters.',
    code: 'Six digits from the letter are needed.',
  },
}
