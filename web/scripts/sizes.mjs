// Fails when a built app loads more JavaScript than its budget, gzipped. `node scripts/sizes.mjs dist/app`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** In kB of 1,000 bytes: what a first screen loads, and what one more screen or window adds to it. */
const FIRST = 220
const LAZY = 60

/** Where people begin: the door and the overview. All other screens and windows come on top. */
const FIRST_SCREENS = /^routes\/(login|register|_app\/index|index|_panel\/users)\.tsx$/

const dist = process.argv[2]
if (!dist) throw new Error('say which build to weigh: node scripts/sizes.mjs dist/app')
const manifest = JSON.parse(readFileSync(join(dist, '.vite/manifest.json'), 'utf8'))

const weights = new Map()
function weigh(file) {
  if (!weights.has(file)) weights.set(file, gzipSync(readFileSync(join(dist, file)), { level: 9 }).length)
  return weights.get(file)
}

/** The files that these chunks load at once, without what they load later. */
function filesOf(keys, files = new Set(), seen = new Set()) {
  for (const key of keys) {
    const chunk = manifest[key]
    if (!chunk || seen.has(key)) continue
    seen.add(key)
    if (chunk.file.endsWith('.js')) files.add(chunk.file)
    filesOf(chunk.imports ?? [], files, seen)
  }
  return files
}

const sum = (files) => [...files].reduce((total, file) => total + weigh(file), 0) / 1000

const entry = Object.keys(manifest).filter((key) => manifest[key].isEntry)
const lazy = Object.keys(manifest).filter((key) => manifest[key].isDynamicEntry)
// Words of one language come with every first screen, the shell with every guarded one.
const words = lazy.filter((key) => key.endsWith('texts.ru.ts'))
const shell = lazy.filter((key) => /routes\/_(app|panel)\.tsx/.test(key))
const nameOf = (key) => key.replace(/^src\//, '').replace(/\?.*$/, '')

let failed = false
function judge(what, size, budget) {
  const over = size > budget
  failed ||= over
  console.log(`${over ? 'OVER' : 'ok  '} ${size.toFixed(1).padStart(6)} of ${budget} kB  ${what}`)
}

const door = [...entry, ...words]
const inside = [...door, ...shell]
for (const key of lazy.filter((name) => FIRST_SCREENS.test(nameOf(name))))
  judge(
    `first screen ${nameOf(key)}`,
    sum(filesOf([...(/_(app|panel)\//.test(key) ? inside : door), key])),
    FIRST,
  )

/** A nested screen stands in the routes of its folders (`route.tsx`): these came before it, with a budget of their own. */
const parentsOf = (key) =>
  lazy.filter((other) => {
    const name = nameOf(other)
    return (
      name.endsWith('/route.tsx') && other !== key && nameOf(key).startsWith(name.replace(/route\.tsx$/, ''))
    )
  })

for (const key of lazy.filter((name) => !inside.includes(name))) {
  const known = filesOf([...inside, ...parentsOf(key)])
  const added = [...filesOf([key])].filter((file) => !known.has(file))
  judge(`then ${nameOf(key)}`, sum(added), LAZY)
}
if (failed) {
  console.error('A budget is broken: load it later, or take something smaller. The list above says where.')
  process.exit(1)
}
