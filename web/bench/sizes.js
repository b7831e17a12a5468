// What a browser must load, in bytes after gzip: the same for every machine.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/**
 * @typedef {{ file: string, isEntry?: boolean, isDynamicEntry?: boolean, imports?: string[], name?: string }} Chunk
 * @typedef {{ what: string, bytes: number, most?: number }} Size
 */

/** @param {string} path */
export const gzipped = (path) => gzipSync(readFileSync(path), { level: 9 }).length

/**
 * The files that a chunk cannot do without.
 * @param {Record<string, Chunk>} manifest
 * @param {string} key
 * @param {Set<string>} found
 */
function withImports(manifest, key, found = new Set()) {
  const chunk = manifest[key]
  if (!chunk || found.has(chunk.file)) return found
  found.add(chunk.file)
  for (const next of chunk.imports ?? []) withImports(manifest, next, found)
  return found
}

/**
 * An app by its build's manifest: what each page needs, and the largest part that comes later.
 * @param {string} root
 * @param {string} name
 * @returns {Size[]}
 */
export function app(root, name) {
  const path = join(root, '.vite/manifest.json')
  if (!existsSync(path)) return []
  /** @type {Record<string, Chunk>} */
  const manifest = JSON.parse(readFileSync(path, 'utf8'))
  const sum = (/** @type {Iterable<string>} */ files) =>
    [...files].filter((f) => f.endsWith('.js')).reduce((all, f) => all + gzipped(join(root, f)), 0)
  const chunks = Object.entries(manifest)
  const first = new Set(
    chunks.filter(([, c]) => c.isEntry).flatMap(([key]) => [...withImports(manifest, key)]),
  )
  const lazy = chunks
    .filter(([, c]) => c.isDynamicEntry)
    .map(([key, c]) => {
      const own = [...withImports(manifest, key)].filter((file) => !first.has(file))
      return { what: `${name}: lazy ${c.name ?? key}`, bytes: sum(own), most: 60_000 }
    })
    .sort((a, b) => b.bytes - a.bytes)
  return [{ what: `${name}: JS of every page`, bytes: sum(first), most: 220_000 }, ...lazy.slice(0, 5)]
}

/**
 * The widget: its loader, and what the frame needs at its first opening.
 * @param {string} root
 * @returns {Size[]}
 */
export function widget(root) {
  const page = join(root, 'index.html')
  const sizes = []
  const loader = join(root, 'loader.js')
  if (existsSync(loader)) {
    sizes.push({ what: 'widget: loader', bytes: gzipped(loader), most: 3_000 })
  }
  if (existsSync(page)) {
    const html = readFileSync(page, 'utf8')
    const named = [...html.matchAll(/(?:src|href)="\/?(assets\/[^"]+\.(?:js|css))"/g)]
    const files = new Set(named.map((match) => join(root, match[1] ?? '')))
    const bytes = [...files].reduce((all, file) => all + gzipped(file), gzipped(page))
    sizes.push({ what: 'widget: frame', bytes, most: 40_000 })
  }
  return sizes
}
