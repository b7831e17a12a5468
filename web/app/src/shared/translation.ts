export type { Translation } from '@neipix/shell'
