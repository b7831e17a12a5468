import { api } from './api'

/** Signs out and loads the log-in anew: nothing of the person stays in the page's memory. */
export async function signOut(): Promise<void> {
  await api.http.POST('/api/v1/auth/logout', { body: {} })
  window.location.assign('/login')
}
