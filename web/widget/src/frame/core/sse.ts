/** One event of a stream of server-sent events. */
export interface StreamEvent {
  readonly event: string
  readonly data: string
  /** The id that stands after this event; empty = none yet. */
  readonly id: string
}

/** Reads `text/event-stream` piece by piece, wherever the pieces are cut (WHATWG HTML, 9.2.6). */
export class StreamReader {
  /** The server's wish for the least wait before coming back, in milliseconds. */
  retry: number | undefined
  private rest = ''
  private id = ''
  private event = ''
  private data: string[] = []
  private begun = false
  private afterCr = false

  /** The events that the piece has completed. */
  take(piece: string): StreamEvent[] {
    let text = piece
    if (!this.begun && text !== '') {
      this.begun = true
      if (text.startsWith('\uFEFF')) text = text.slice(1)
    }
    if (this.afterCr && text.startsWith('\n')) text = text.slice(1)
    if (piece !== '') this.afterCr = text.endsWith('\r')
    const lines = (this.rest + text).split(/\r\n|\r|\n/)
    this.rest = lines.pop() ?? ''
    return lines.flatMap((line) => this.line(line) ?? [])
  }

  private line(line: string): StreamEvent | undefined {
    if (line === '') return this.dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return undefined
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'event') this.event = value
    else if (field === 'data') this.data.push(value)
    else if (field === 'id' && !value.includes('\0')) this.id = value
    else if (field === 'retry' && /^\d{1,7}$/.test(value)) this.retry = Number(value)
    return undefined
  }

  private dispatch(): StreamEvent | undefined {
    const { event, data, id } = this
    this.event = ''
    this.data = []
    return data.length === 0 ? undefined : { event: event || 'message', data: data.join('\n'), id }
  }
}
