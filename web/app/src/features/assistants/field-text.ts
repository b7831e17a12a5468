import { useTranslation } from 'react-i18next'
import type { DraftField, DraftFields } from './draft'

/** The word for a temperature. */
export function temperatureWord(value: number): 'exact' | 'careful' | 'lively' | 'free' {
  if (value < 0.15) return 'exact'
  if (value < 0.45) return 'careful'
  return value < 0.75 ? 'lively' : 'free'
}

/** The lengths that have a name, in tokens. */
export const LENGTHS = { short: 300, usual: 700, long: 1500 } as const

/** What a field holds, in words. */
export function useFieldText(): (field: DraftField, fields: DraftFields) => string {
  const { t } = useTranslation('assistants')
  return (field, fields) => {
    switch (field) {
      case 'temperature':
        return t(`form.temperatures.${temperatureWord(fields.temperature)}`)
      case 'answerDelaySeconds':
        return fields.answerDelaySeconds === 0
          ? t('form.delayNone')
          : t('form.seconds', { count: fields.answerDelaySeconds })
      case 'maxOutputTokens':
        return t('form.tokens', { count: fields.maxOutputTokens })
      default:
        return fields[field] || t('publish.empty')
    }
  }
}
