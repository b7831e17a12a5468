import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** How one question is answered. */
interface Script {
  text: string
  /** The answer stops before this word until `go` is called. */
  holdBefore?: number
}

interface Message {
  role: string
  content: string | { type: string; text?: string }[]
}

interface Asked {
  model: string
  stream?: boolean
  messages: Message[]
}

/** A held answer. */
export interface Hold {
  /** Resolves when the words before the stop are sent. */
  reached: Promise<void>
  /** Lets the rest go. */
  go(): void
}

/** A stand-in for an OpenAI-compatible provider: real streams, real figures, led by the test that runs it. */
export class Model {
  static readonly NAME = 'test-priced'
  private readonly server: Server
  private readonly scripts: { question: string; script: Script; hold: Stop }[] = []

  private constructor(server: Server) {
    this.server = server
    server.on('request', (request, response) => void this.serve(request, response))
  }

  static async start(): Promise<Model> {
    const model = new Model(createServer())
    await new Promise<void>((resolve) => model.server.listen(0, '127.0.0.1', resolve))
    return model
  }

  /** What a provider's row takes. */
  get baseUrl(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`
  }

  /** From now on a question that contains this is answered so; the newest script wins. */
  answer(question: string, script: Script): Hold {
    const hold = new Stop()
    this.scripts.unshift({ question, script, hold })
    return hold
  }

  async stop(): Promise<void> {
    for (const { hold } of this.scripts) hold.go()
    this.server.closeAllConnections()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method === 'GET')
      return json(response, 200, { object: 'list', data: [{ id: Model.NAME, object: 'model' }] })
    const asked = JSON.parse(await bodyOf(request)) as Asked
    const question = textOf(asked.messages.findLast((message) => message.role === 'user'))
    const found = this.scripts.find((script) => question.includes(script.question))
    const words = wordsOf(found?.script.text ?? quote(asked))
    const usage = figures(asked, words)
    if (asked.stream !== true) return json(response, 200, whole(words.join(''), usage))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    send(response, {
      choices: [{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }],
    })
    for (const [at, word] of words.entries()) {
      if (at === found?.script.holdBefore) await found.hold.wait()
      send(response, { choices: [{ index: 0, delta: { content: word }, finish_reason: null }] })
    }
    send(response, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
    send(response, { choices: [], usage })
    response.end('data: [DONE]\n\n')
  }
}

/** Something that waits until it is let go. */
class Stop implements Hold {
  readonly reached: Promise<void>
  private arrive!: () => void
  private release!: () => void
  private readonly released: Promise<void>

  constructor() {
    this.reached = new Promise((resolve) => (this.arrive = resolve))
    this.released = new Promise((resolve) => (this.release = resolve))
  }

  async wait(): Promise<void> {
    this.arrive()
    await this.released
  }

  go(): void {
    this.release()
  }
}

function send(response: ServerResponse, part: object): void {
  response.write(`data: ${JSON.stringify({ ...head('chat.completion.chunk'), ...part })}\n\n`)
}

function head(object: string) {
  return { id: 'chatcmpl-1', object, created: 1_764_000_000, model: Model.NAME }
}

function whole(text: string, usage: object): object {
  const message = { role: 'assistant', content: text }
  return { ...head('chat.completion'), choices: [{ index: 0, message, finish_reason: 'stop' }], usage }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

function textOf(message: Message | undefined): string {
  if (message === undefined) return ''
  if (typeof message.content === 'string') return message.content
  return message.content.map((part) => part.text ?? '').join('\n')
}

/** What the first passage of the materials says, on one line, with its mark. */
function quote(asked: Asked): string {
  for (const message of asked.messages.filter(({ role }) => role !== 'assistant')) {
    const passage = /<passage mark="(\[\d+\])"[^>]*>\n([^<]+)/u.exec(textOf(message))
    if (passage?.[1] && passage[2])
      return `По документам: ${passage[2].trim().replace(/\s+/gu, ' ')} ${passage[1]}`
  }
  return 'В документах этого нет.'
}

/** Words with the space after them: together they are the text. */
function wordsOf(text: string): string[] {
  return text.match(/\s*\S+\s*/gu) ?? []
}

function figures(asked: Asked, words: string[]): object {
  const prompt = asked.messages.reduce((sum, message) => sum + wordsOf(textOf(message)).length + 4, 0)
  return { prompt_tokens: prompt, completion_tokens: words.length, total_tokens: prompt + words.length }
}
