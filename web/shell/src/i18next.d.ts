import 'i18next'
import type { ru as common } from './texts.ru'

// What the shell itself may say: its own words, and those that each app gives for what stands in its shell and before
// its door. Each app declares all its words beside these.
declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common'
    resources: {
      common: typeof common
      shell: {
        skip: string
        theme: string
        themes: { light: string; dark: string; system: string }
        language: string
        palette: { looks: string }
      }
      auth: {
        login: { submit: string; remember: string }
        fields: { email: string; password: string; showPassword: string; hidePassword: string }
        errors: { email: string; passwordEmpty: string }
      }
    }
  }
}
