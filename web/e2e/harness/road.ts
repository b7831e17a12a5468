import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'

/** Where every name of the tests leads. */
const HERE = '127.0.0.1'

/** Whether a name is this machine's. */
export function isHere(host: string): boolean {
  return host === HERE || host === 'localhost' || host.endsWith('.localhost')
}

/** How an address of a road is told from another's: the product counts what comes from one address. */
let roads = Math.floor(Math.random() * 60_000)

/**
 * The only way of one browser to the network: a proxy. It can be cut, it comes from an address of its own, and nothing
 * leaves the machine by it, not even what the browser asks for itself.
 */
export class Road {
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly from: string
  private isCut = false

  private constructor(server: Server) {
    this.server = server
    roads = (roads + 1) % 60_000
    this.from = `127.1.${Math.floor(roads / 250)}.${(roads % 250) + 1}`
    server.on('request', (asked, answer) => this.pass(asked, answer))
    server.on('connect', (asked, socket, head) => this.tunnel(asked, socket as Socket, head))
    server.on('connection', (socket) => this.arrive(socket))
  }

  static async open(): Promise<Road> {
    const road = new Road(createServer())
    await new Promise<void>((resolve) => road.server.listen(0, HERE, resolve))
    return road
  }

  /** What a browser is told. */
  get proxy(): { server: string } {
    return { server: `http://${HERE}:${(this.server.address() as AddressInfo).port}` }
  }

  /** Ends every connection and refuses new ones. */
  cut(): void {
    this.isCut = true
    for (const socket of this.sockets) socket.destroy()
  }

  mend(): void {
    this.isCut = false
  }

  async close(): Promise<void> {
    this.cut()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private arrive(socket: Socket): void {
    if (this.isCut) {
      socket.destroy()
      return
    }
    this.keep(socket)
  }

  private keep(socket: Socket): void {
    // A connection serves several requests.
    if (this.sockets.has(socket)) return
    this.sockets.add(socket)
    socket.on('close', () => this.sockets.delete(socket))
    // What breaks here is seen by the page.
    socket.on('error', () => socket.destroy())
  }

  private pass(asked: IncomingMessage, answer: ServerResponse): void {
    const url = new URL(asked.url ?? '')
    if (!isHere(url.hostname)) {
      answer.writeHead(502).end()
      return
    }
    const { headers, method } = asked
    const path = url.pathname + url.search
    const onward = request({ host: HERE, port: url.port, localAddress: this.from, method, path, headers })
    onward.on('socket', (socket) => this.keep(socket))
    onward.on('response', (got) => {
      answer.writeHead(got.statusCode ?? 502, got.rawHeaders)
      // The head of a stream must not wait for its first part.
      answer.flushHeaders()
      got.pipe(answer)
      got.on('error', () => answer.destroy())
    })
    onward.on('error', () => answer.destroy())
    answer.on('close', () => onward.destroy())
    asked.pipe(onward)
  }

  private tunnel(asked: IncomingMessage, socket: Socket, head: Buffer): void {
    const { hostname, port } = new URL(`http://${asked.url ?? ''}`)
    if (!isHere(hostname)) {
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
      return
    }
    const onward = connect({ host: HERE, port: Number(port || 80), localAddress: this.from }, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      onward.write(head)
      onward.pipe(socket)
      socket.pipe(onward)
    })
    this.keep(onward)
    onward.on('close', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  }
}
