import { api } from '@app/shared/api'

/** What the screen reads: put the path of the real call here. */
export const {{camelCase name}}Query = () =>
  api.query.queryOptions('get', '/api/v1/assistants', { params: { query: { pageSize: 50 } } })
