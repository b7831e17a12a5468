export { usePreferences, type Theme } from '@neipix/shell'
