/* The snippet's first half: calls before the loader is there wait in a queue. */
window.Neipix =
  window.Neipix ||
  function () {
    ;(window.Neipix.q = window.Neipix.q || []).push(arguments)
  }

window.heard = []
for (const name of ['ready', 'open', 'close', 'message', 'sent', 'unread', 'identified', 'identify_failed']) {
  window.Neipix('on', name, (detail) => window.heard.push(detail === undefined ? name : `${name}:${detail}`))
}

document.addEventListener('DOMContentLoaded', () => {
  document.getElementById('ask').addEventListener('click', () => window.Neipix('open'))
  document.getElementById('logout').addEventListener('click', () => window.Neipix('reset'))
  document.getElementById('login').addEventListener('click', async () => {
    const answer = await fetch('/identity')
    if (answer.ok) window.Neipix('identify', (await answer.json()).token)
  })
})
