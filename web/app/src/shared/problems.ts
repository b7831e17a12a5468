export { isForbidden, isMissing, problemText, traceOf } from '@neipix/shell'
