export { RouteMissing, RouteTrouble, RouteWaiting } from '@neipix/shell'
