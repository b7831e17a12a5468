import { ws } from 'msw'

const link = ws.link(`${window.location.origin.replace(/^http/, 'ws')}/api/v1/events`)

/** A socket that opens and lets itself be heard; `tell` says something to all who listen. */
export const socketHandlers = [
  link.addEventListener('connection', ({ client }) => {
    client.send(JSON.stringify({ t: 'hb' }))
  }),
]

/** Sends a frame to every page. */
export function tell(frame: object): void {
  link.broadcast(JSON.stringify(frame))
}

/** Cuts every page off, as a restart of the server would. */
export function cutOff(code: number): void {
  for (const client of link.clients) client.close(code)
}
