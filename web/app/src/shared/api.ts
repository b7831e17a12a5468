export { api } from '@neipix/shell'
