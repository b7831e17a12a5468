export { meQuery, useMay, useMe, whoIsHere } from '@neipix/shell'
