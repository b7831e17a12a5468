import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { request } from 'node:http'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Model } from './model'

/** The password of everybody whom the stage makes. */
export const PASSWORD = 'long enough 1'
const BUILT = fileURLToPath(new URL('../../dist', import.meta.url))

type PlatformRole = 'SUPERADMIN' | 'ADMIN' | 'BILLING' | 'SUPPORT' | 'CONTENT'

/** Somebody to make; the e-mail is made up. */
export interface Newcomer {
  name?: string
  /** Name of a workspace of their own. */
  workspace?: string
  /** Id of a workspace to join with `role`. */
  join?: string
  role?: 'ROLE_MANAGER' | 'ROLE_OPERATOR' | 'ROLE_VIEWER'
  platformRole?: `PLATFORM_ROLE_${PlatformRole}`
}

export interface Person {
  email: string
  name: string
  userId: string
  workspaceId: string
}

/** What the stage says of itself first. */
interface Told {
  address: string
  adminHost: string
  apiHost: string
  ownerToken: string
  staffToken: string
}

export type Host = 'app' | 'admin' | 'api' | 'widget'

/** The real product on servers of its own, with a model that the test leads. One for each worker. */
export class Product {
  readonly model: Model
  private readonly stage: ChildProcessByStdio<Writable, Readable, null>
  private readonly lines: AsyncIterator<string>
  private readonly told: Told
  private made = 0
  /** One question at a time: answers carry no number. */
  private last: Promise<unknown> = Promise.resolve()

  private constructor(model: Model, stage: Product['stage'], lines: AsyncIterator<string>, told: Told) {
    this.model = model
    this.stage = stage
    this.lines = lines
    this.told = told
  }

  static async start(): Promise<Product> {
    const program = process.env['STAGE']
    if (program === undefined)
      throw new Error('STAGE, the program that serves the product, is not set: run `make test-e2e`')
    const model = await Model.start()
    const stage = spawn(program, ['--set', `WEB_DIR=${BUILT}`], { stdio: ['pipe', 'pipe', 'inherit'] })
    const lines = createInterface({ input: stage.stdout })[Symbol.asyncIterator]()
    const first = await lines.next()
    if (first.done) throw new Error('the product did not start: its words are above')
    const product = new Product(model, stage, lines, JSON.parse(first.value) as Told)
    await product.takeModel()
    return product
  }

  /** Where a face of the product is: `http://app.localhost:41234`. */
  origin(host: Host): string {
    return `http://${host}.localhost:${this.port}`
  }

  get port(): number {
    return Number(this.told.address.split(':').at(-1))
  }

  /** Makes an account without a letter. */
  make(newcomer: Newcomer): Promise<Person> {
    const email = `person${++this.made}-${Date.now().toString(36)}@romashka.example`
    const name = newcomer.name ?? 'Анна Смирнова'
    const made = this.last.then(async () => {
      this.stage.stdin.write(`${JSON.stringify({ ...newcomer, name, email })}\n`)
      const answer = await this.lines.next()
      if (answer.done) throw new Error('the product has stopped')
      const said = JSON.parse(answer.value) as { userId: string; workspaceId: string } | { error: string }
      if ('error' in said) throw new Error(`nobody was made: ${said.error}`)
      return { email, name, ...said }
    })
    this.last = made.catch(() => undefined)
    return made
  }

  /** A call of the REST face by its token; throws what is refused. */
  async call<T>(verb: string, path: string, body?: unknown, token = this.told.ownerToken): Promise<T> {
    return this.request<T>(this.told.apiHost, token, verb, path, body)
  }

  /** The access token of somebody at the API's host. */
  async signIn({ email }: Pick<Person, 'email'>): Promise<string> {
    const body = { email, password: PASSWORD, surface: 'SURFACE_API' }
    return (await this.call<{ accessToken: string }>('POST', '/api/v1/auth/login', body, '')).accessToken
  }

  /** The same as a superadmin at the panel's host. */
  async staff<T>(verb: string, path: string, body?: unknown): Promise<T> {
    return this.request<T>(this.told.adminHost, this.told.staffToken, verb, path, body)
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.stage.once('exit', resolve))
    this.stage.stdin.end()
    await ended
    await this.model.stop()
  }

  // The system's resolver may not know `*.localhost`: the address is named, and the host said.
  private request<T>(host: string, token: string, verb: string, path: string, body: unknown): Promise<T> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const call = request(
        `http://${this.told.address}${path}`,
        {
          method: verb,
          headers: {
            host,
            ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
            ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          },
        },
        (answer) => {
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part))
          answer.on('end', () => {
            const said = Buffer.concat(parts).toString()
            if (answer.statusCode === 200) resolve(JSON.parse(said) as T)
            else reject(new Error(`${verb} ${path}: ${answer.statusCode} ${said}`))
          })
        },
      )
      call.on('error', reject)
      call.end(text)
    })
  }

  /** Puts the model on the list of providers, with a price: an answer costs some pix. */
  private async takeModel(): Promise<void> {
    const provider = {
      name: 'Stand-in',
      kind: 'PROVIDER_KIND_OPENAI_COMPATIBLE',
      baseUrl: this.model.baseUrl,
      model: Model.NAME,
      apiKey: 'sk-test-1234',
      priority: 1,
    }
    await this.staff('POST', '/api/v1/admin/providers', { provider })
    const price = {
      model: Model.NAME,
      inputMicroPix: '1000000000',
      outputMicroPix: '2000000000',
      markupBp: 10000,
    }
    await this.staff('POST', '/api/v1/admin/prices', { price })
  }
}
