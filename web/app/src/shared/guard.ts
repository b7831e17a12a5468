export { guestsOnly, nextOf } from '@neipix/shell'
