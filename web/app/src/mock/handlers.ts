import { accountHandlers } from './account'
import { chatHandlers } from './chats'
import { listHandlers } from './lists'
import { simulationHandlers } from './simulation'
import { socketHandlers } from './socket'
import { studioHandlers } from './studio'

/** The mock server: answers as the edge does, from `world`. A feature adds its own handlers here. */
export const handlers = [
  ...accountHandlers,
  ...chatHandlers,
  ...simulationHandlers,
  ...studioHandlers,
  ...listHandlers,
  ...socketHandlers,
]
