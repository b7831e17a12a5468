import { accountHandlersOf } from '@neipix/shell/mock'
import { world } from './world'

export { CODE, PASSWORD } from '@neipix/shell/mock'

/** Registration, log-in, session. */
export const accountHandlers = accountHandlersOf(() => world)
