// Sets theme and language before the first paint; the same store as `src/preferences.ts`.
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
