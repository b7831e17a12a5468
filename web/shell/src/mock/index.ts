export { accountHandlersOf, CODE, PASSWORD } from './account'
export { http, problem } from './http'
export { page } from './page'
