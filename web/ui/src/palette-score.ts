/**
 * How well a command fits what was typed: 0 = not at all, 1 = best. Every typed word must begin a word of
 * the command (0.8) or stand inside one (0.4); a label that begins with the whole text is best.
 * The id is ignored: people do not see it.
 */
export function scoreCommand(_id: string, typed: string, words: string[] = []): number {
  const wanted = plain(typed)
  if (wanted === '') return 1
  const [label = '', ...rest] = words.map(plain)
  if (label.startsWith(wanted)) return 1
  const haystack = ` ${[label, ...rest].join(' ')}`
  let score = 0.8
  for (const word of wanted.split(' ')) {
    if (!haystack.includes(word)) return 0
    if (!haystack.includes(` ${word}`)) score = 0.4
  }
  return score
}

function plain(text: string): string {
  return text.toLowerCase().replaceAll('ё', 'е').replace(/\s+/g, ' ').trim()
}
