export { tellForm } from '@neipix/shell'
