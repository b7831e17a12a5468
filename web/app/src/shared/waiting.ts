import { queryOptions } from '@tanstack/react-query'
import { api } from './api'

/** Rows read for «who waits»; more than that is shown as a plus. */
export const WAITING_MOST = 50

/** Dialogues that wait for a person, the latest first. */
export const waitingQuery = () =>
  queryOptions({
    queryKey: ['waiting'],
    queryFn: async ({ signal }) => {
      const { data } = await api.http.GET('/api/v1/chats', {
        signal,
        params: { query: { status: 'CONVERSATION_STATUS_PENDING', pageSize: WAITING_MOST } },
      })
      return data!
    },
  })
