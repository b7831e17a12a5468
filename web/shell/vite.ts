import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import { tanstackRouter } from '@tanstack/router-plugin/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

const { resolve } = createRequire(import.meta.url)

/** Serves the mock server's worker in `--mode mock` only; it is never among the built files. */
function mockWorker(): Plugin {
  return {
    name: 'neipix-mock-worker',
    apply: 'serve',
    configureServer(server) {
      const worker = resolve('msw/mockServiceWorker.js')
      server.middlewares.use('/mockServiceWorker.js', (_request, response) => {
        response.setHeader('content-type', 'text/javascript')
        response.end(readFileSync(worker))
      })
    },
  }
}

// What a screen reads comes with the screen: by default its reading would come with the first one.
const splitting: Parameters<typeof tanstackRouter>[0] = {
  codeSplittingOptions: {
    defaultBehavior: [['loader', 'component', 'pendingComponent', 'errorComponent', 'notFoundComponent']],
  },
}

// The list of what each screen needs would come with the first one, and it is longer than many screens; links fetch their
// screen when they are pointed at.
const styles = (_file: string, needed: string[]) => needed.filter((name) => name.endsWith('.css'))

/** How the app of a host is served and built, into `dist/<host>`. */
export function appConfig(host: 'app' | 'admin', port: number) {
  const there = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  const edge = process.env['NEIPIX_EDGE'] ?? `http://${host}.localhost:8080`
  return defineConfig(({ mode }) => ({
    plugins: [tanstackRouter(splitting), react(), tailwindcss(), mode === 'mock' ? mockWorker() : undefined],
    resolve: {
      alias: {
        [`@${host}`]: there(`../${host}/src`),
        // Its form for browsers writes to the page as HTML, which the pages' policy refuses.
        'decode-named-character-reference': resolve('decode-named-character-reference'),
      },
    },
    publicDir: there('./public'),
    build: {
      outDir: `../dist/${host}`,
      emptyOutDir: true,
      manifest: true,
      modulePreload: { resolveDependencies: styles },
    },
    server: {
      // Browsers know `<host>.localhost`, the name that the product uses locally, as this machine.
      host: '127.0.0.1',
      port,
      // The running product answers what this page asks of its own host.
      proxy: { '/api': { target: edge, ws: true } },
    },
  }))
}
