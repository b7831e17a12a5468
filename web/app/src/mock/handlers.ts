import { accountHandlers } from './account'
import { listHandlers } from './lists'

/** The mock server: answers as the edge does, from `world`. A feature adds its own handlers here. */
export const handlers = [...accountHandlers, ...listHandlers]
