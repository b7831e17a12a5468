import { createApi } from '@neipix/api'

/** The API of this page's own host. */
export const api = createApi(window.location.origin)
