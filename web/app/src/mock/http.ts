export { http, problem } from '@neipix/shell/mock'
