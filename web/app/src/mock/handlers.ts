import { accountHandlers } from './account'
import { chatHandlers } from './chats'
import { listHandlers } from './lists'
import { socketHandlers } from './socket'

/** The mock server: answers as the edge does, from `world`. A feature adds its own handlers here. */
export const handlers = [...accountHandlers, ...chatHandlers, ...listHandlers, ...socketHandlers]
