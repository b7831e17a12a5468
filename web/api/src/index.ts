export { createApi, type Api } from './client'
export { Outbox, type Outgoing } from './outbox'
export { ApiError, type Problem } from './problem'
export { Connection, type ConnectionState, type Wire } from './realtime/connection'
export { NOTHING_YET, grow, soFar, type AnswerText } from './realtime/answer-text'
export type { EventData, ServerFrame } from './realtime/frames'
export type { Me, Session } from './session'
export { browserShelf } from './shelf'
export { readEvents, type StreamEvent } from './sse'

import type { components, paths } from './schema.gen'
/** Messages of the API by their proto names. */
export type Schemas = components['schemas']
/** Every path of the API, for typed mocks. */
export type Paths = paths
