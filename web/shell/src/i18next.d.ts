import 'i18next'
import type { ru as common } from './texts.ru'

// What the shell itself may say. Each app declares its own words beside these.
declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common'
    resources: { common: typeof common }
  }
}
