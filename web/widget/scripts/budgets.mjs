/* What the widget may weigh, in bytes after gzip. Fails where it weighs more. */
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../../dist/widget/', import.meta.url))
const weigh = (name) => gzipSync(readFileSync(dist + name), { level: 9 }).length
const sum = (names) => names.reduce((all, name) => all + weigh(name), 0)

const page = readFileSync(`${dist}index.html`, 'utf8')
const first = [...page.matchAll(/"\/(assets\/[^"]+)"/g)].map((match) => match[1])
const assets = readdirSync(`${dist}assets`).flatMap((name) =>
  /\.(js|css)$/.test(name) ? `assets/${name}` : [],
)
// Only where the server asks for a proof of work.
const seldom = /^assets\/(proof|search)/

const budgets = [
  ['loader', weigh('loader.js'), 3000],
  ['frame, before its first answer', sum(['index.html', ...first]), 40_000],
  [
    'frame, with the parser of answers',
    sum(['index.html', ...assets.filter((name) => !seldom.test(name))]),
    50_000,
  ],
]
let over = false
for (const [what, bytes, most] of budgets) {
  const verdict = bytes > most ? 'TOO LARGE' : 'fine'
  over ||= bytes > most
  console.log(`widget: ${what}: ${bytes} of ${most} bytes: ${verdict}`)
}
if (first.length < 2) throw new Error('index.html names no script or no style: is the build whole?')
// An inline script or style would be refused by the frame's policy.
if (/<script(?![^>]*(src=|type="application\/json"))|<style|\sstyle=|\son\w+=/.test(page)) {
  throw new Error('index.html holds a script or a style of its own')
}
if (!page.includes('__NEIPIX_WIDGET_CONFIG__')) throw new Error('index.html has no place for the settings')
process.exit(over ? 1 : 0)
