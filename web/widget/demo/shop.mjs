import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const FILES = {
  '/': ['shop.html', 'text/html'],
  '/shop.css': ['shop.css', 'text/css'],
  '/shop.js': ['shop.js', 'text/javascript'],
}

/** What a site's own server does for a visitor who has logged in: an HS256 token, short-lived. */
export function identityToken({ secret, kid, key, sub, name, now = Date.now() }) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const iat = Math.floor(now / 1000)
  const head = part({ alg: 'HS256', typ: 'JWT', kid })
  const signed = `${head}.${part({ sub, aud: key, iat, exp: iat + 3600, name })}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/**
 * A shop-like page on an origin of its own that embeds the widget, under as strict a policy as the guide promises.
 * @param {{ port?: number, host?: string, widget: string, key: string, identity?: { secret: string, kid: string } }} options
 */
export async function startShop({ port = 0, host = 'shop.localhost', widget, key, identity }) {
  const policy = [
    "default-src 'none'",
    `script-src 'self' ${widget}`,
    "style-src 'self'",
    "connect-src 'self'",
    `frame-src ${widget}`,
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ')
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://shop')
    if (pathname === '/identity' && identity) {
      const sub = searchParams.get('sub') ?? 'u-42'
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' })
      return response.end(JSON.stringify({ token: identityToken({ ...identity, key, sub, name: 'Анна' }) }))
    }
    const [name, type] = FILES[pathname] ?? []
    if (!name) return response.writeHead(404).end()
    const text = (await readFile(here(name), 'utf8'))
      .replaceAll('__WIDGET__', widget)
      .replaceAll('__KEY__', key)
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'content-security-policy': policy })
    return response.end(text)
  })
  await new Promise((ready) => server.listen(port, '127.0.0.1', ready))
  return {
    origin: `http://${host}:${server.address().port}`,
    close() {
      server.closeAllConnections()
      return new Promise((done) => server.close(done))
    },
  }
}
