export { Trouble, type TroubleProps } from '@neipix/shell'
