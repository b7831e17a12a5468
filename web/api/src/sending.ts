/*
 * Sending once and reading a growing answer, without the client and its libraries: for pages that must stay small.
 */
export { Outbox, type Outgoing, type Shelf } from './outbox'
export { ApiError, errorOf, type Problem } from './problem'
export { NOTHING_YET, grow, soFar, type AnswerText } from './realtime/answer-text'
