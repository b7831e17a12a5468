export { createQueries } from '@neipix/shell'
