import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** The kit's colours without its library of styles: `tokens.css` stays the only place where they are written. */
function colours(): Plugin {
  const name = 'virtual:colours.css'
  return {
    name: 'neipix-colours',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load(id) {
      if (id !== `\0${name}`) return undefined
      const source = here('../ui/src/tokens.css')
      this.addWatchFile(source)
      const blocks = readFileSync(source, 'utf8').match(/^(?::root|\[data-theme='dark'\]) \{[^}]*\}/gm) ?? []
      if (blocks.length !== 2) throw new Error('tokens.css: expected one block of colours for each theme')
      return blocks.join('\n')
    },
  }
}

/** Raw HTML is not a construct of our Markdown: what would read it stays out of the frame. */
function noHtml(): Plugin {
  return {
    name: 'neipix-no-html',
    enforce: 'pre',
    resolveId: (id, importer) =>
      /lib\/html-(flow|text)\.js$/.test(id) && importer?.includes('micromark-core-commonmark')
        ? here('src/frame/no-html.ts')
        : undefined,
  }
}

const dist = here('../dist/widget')

/** The frame by default; `--mode loader` for the one file that a site's page loads. */
export default defineConfig(({ mode }) => ({
  root: here('.'),
  resolve: {
    alias: {
      // Its table of 2,000 names is as large as the frame, and its other form writes HTML, which our policy refuses.
      'decode-named-character-reference': here('src/frame/entities.ts'),
    },
  },
  plugins: [colours(), noHtml()],
  worker: { format: 'es' },
  server: { port: 5175, strictPort: true, proxy: { '/api': 'http://127.0.0.1:8090' } },
  build:
    mode === 'loader'
      ? {
          outDir: dist,
          emptyOutDir: false,
          target: 'es2022',
          modulePreload: false,
          lib: {
            entry: here('src/loader/loader.ts'),
            formats: ['iife' as const],
            name: '_npx',
            fileName: () => 'loader.js',
          },
        }
      : {
          outDir: dist,
          emptyOutDir: true,
          target: 'es2022',
          modulePreload: { polyfill: false },
          assetsInlineLimit: 0,
          rolldownOptions: {
            onLog(level, log, tell) {
              // The worker's own copy of a module is no reason to have it in the page from the start: it is not.
              if (log.code !== 'INEFFECTIVE_DYNAMIC_IMPORT') tell(level, log)
            },
          },
        },
}))
