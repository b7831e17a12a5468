export { PasswordInput } from '@neipix/shell'
