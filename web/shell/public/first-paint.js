// Sets theme and language before the first paint; the same store as `src/preferences.ts`.
// And keeps zod from trying `new Function`, which the pages' policy refuses and tells: it asks when a first schema is
// made, and this runs before all modules, whatever their order in the build.
globalThis.__zod_globalConfig = { jitless: true }
;(function () {
  var root = document.documentElement
  var kept = {}
  try {
    kept = JSON.parse(localStorage.getItem('npx:preferences') || '{}').state || {}
  } catch {
    // A storage that is torn or forbidden: the system's theme, the first language.
  }
  var dark =
    kept.theme === 'dark' || (kept.theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.theme = dark ? 'dark' : 'light'
  root.lang = kept.language === 'en' ? 'en' : 'ru'
})()
