export { LoginForm } from '@neipix/shell'
