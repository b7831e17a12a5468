// Packs the built files by brotli, once: the edge serves the packed copy to whoever takes it.
import { readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, constants } from 'node:zlib'

const root = fileURLToPath(new URL('./dist', import.meta.url))
/** Pictures and fonts are packed already. */
const TEXTS = /\.(html|js|mjs|css|json|svg|txt|webmanifest)$/
/** What fits into one packet gains nothing. */
const LEAST = 1024

const pack = promisify(brotliCompress)

/** @param {string} path */
async function copy(path) {
  const packed = `${path}.br`
  rmSync(packed, { force: true })
  const plain = readFileSync(path)
  if (plain.length < LEAST) return
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: plain.length }
  const bytes = await pack(plain, { params })
  if (bytes.length >= plain.length) return
  writeFileSync(packed, bytes)
  // The edge takes a copy only where it is not older than its source.
  const { atime, mtime } = statSync(path)
  utimesSync(packed, atime, mtime)
}

const found = readdirSync(root, { recursive: true, withFileTypes: true })
const texts = found.filter((entry) => entry.isFile() && TEXTS.test(entry.name))
await Promise.all(texts.map((entry) => copy(join(entry.parentPath, entry.name))))
