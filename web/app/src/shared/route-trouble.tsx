export { RouteMissing, RouteTrouble } from '@neipix/shell'
