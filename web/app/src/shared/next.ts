export { safeNext } from '@neipix/shell'
