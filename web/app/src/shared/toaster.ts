export { toaster } from '@neipix/shell'
