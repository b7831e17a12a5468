// Prints what the built apps weigh and how they feel, beside the aims.
//
// Usage: node bench/main.js <launcher>     (the product is started by it, on data of its own)
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { app, gzipped, widget } from './sizes.js'
import { visit, work } from './vitals.js'

const dist = fileURLToPath(new URL('../dist', import.meta.url))
const VISITS = 5
let over = 0

/**
 * @param {string} what
 * @param {number} value
 * @param {number | undefined} most
 * @param {string} unit
 */
function line(what, value, most, unit) {
  const bad = most !== undefined && value > most
  if (bad) over += 1
  const digits = unit === '' ? 3 : unit === 'ms' ? 0 : 1
  const aim = most === undefined ? '' : `≤ ${most}${unit && ` ${unit}`}${bad ? '   OVER' : ''}`
  console.log(`${what.padEnd(44)} ${`${value.toFixed(digits)} ${unit}`.padStart(12)}   ${aim}`.trimEnd())
}

/** @param {import('./sizes.js').Size} size */
const size = ({ what, bytes, most }) => line(what, bytes / 1000, most && most / 1000, 'kB')

/** @param {number[]} values */
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

/**
 * Starts the product and reads from what it prints where it is.
 * @param {string} launcher
 * @param {string} dir
 */
async function start(launcher, dir) {
  const environment = { ...process.env, WEB_DIR: dist, RUST_LOG: 'warn' }
  const child = spawn(launcher, ['up', '--port', '0', '--dir', join(dir, 'data')], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const told = new Promise((found, failed) => {
    let said = ''
    child.once('exit', (code) => failed(new Error(`the product ended with ${code} before it served`)))
    child.stdout.on('data', (part) => {
      said += String(part)
      const url = /http:\/\/app\.localhost:\d+/.exec(said)?.[0]
      const owner = /owner of the demo workspace +(\S+) \/ (\S+)/.exec(said)
      if (url && owner) found({ url, who: { email: owner[1], password: owner[2] } })
    })
  })
  return { child, ...(await told) }
}

/** @param {string} launcher */
async function feel(launcher) {
  const dir = mkdtempSync(join(tmpdir(), 'neipix-bench-web-'))
  const product = await start(launcher, dir)
  const ended = new Promise((done) => product.child.once('exit', done))
  try {
    const browser = await chromium.launch({
      executablePath: process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
      ],
    })
    const visits = []
    for (let n = 0; n < VISITS; n += 1) visits.push(await visit(browser, `${product.url}/login`))
    const scripts = visits[0]?.scripts ?? []
    size({
      what: 'app: JS of a first visit, log-in',
      bytes: scripts.reduce((all, path) => all + gzipped(join(dist, 'app', path)), 0),
      most: 220_000,
    })
    line('app: LCP, median', median(visits.map((v) => v.lcp)), 2000, 'ms')
    line('app: CLS, worst', Math.max(...visits.map((v) => v.cls)), 0.05, '')
    const session = await visit(browser, `${product.url}/login`, work(product.who))
    line('app: INP, log-in and each page', session.inp, 150, 'ms')
    line('app: CLS, log-in and each page', session.cls, 0.05, '')
    await browser.close()
  } finally {
    product.child.kill('SIGTERM')
    await ended
    rmSync(dir, { recursive: true, force: true })
  }
}

for (const name of ['app', 'admin']) app(join(dist, name), name).forEach(size)
widget(join(dist, 'widget')).forEach(size)
const launcher = process.argv[2]
if (launcher) await feel(launcher)
if (over > 0) {
  console.error(`${over} over the aim`)
  process.exitCode = 1
}
