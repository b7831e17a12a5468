import { followPreferences as follow } from '@neipix/shell'
import { wordsOf } from './i18n'

/** Theme and language follow the person's choice from now on. */
export const followPreferences = (): Promise<void> => follow(wordsOf)
