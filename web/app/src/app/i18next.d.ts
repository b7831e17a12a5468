import 'i18next'
import type { ru } from './texts.ru'
import type { ru as rest } from './texts-rest.ru'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'common'
    resources: typeof ru & typeof rest
  }
}
