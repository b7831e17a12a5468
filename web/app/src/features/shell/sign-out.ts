export { useSignOut } from '@neipix/shell'
