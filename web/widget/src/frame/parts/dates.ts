import type { Words } from '../words'

const two = (value: number) => String(value).padStart(2, '0')

/** «12:40» by the visitor's clock; empty for no time. */
export function clock(at: number): string {
  if (at === 0) return ''
  const date = new Date(at)
  return `${two(date.getHours())}:${two(date.getMinutes())}`
}

/** «Сегодня», «Вчера», else the day as the page's language writes it. */
export function dayOf(at: number, words: Words, now = new Date()): string {
  const date = new Date(at)
  const days = Math.round((startOf(now) - startOf(date)) / 86_400_000)
  if (days === 0) return words.today
  if (days === 1) return words.yesterday
  return date.toLocaleDateString(document.documentElement.lang || 'ru', {
    day: 'numeric',
    month: 'long',
    ...(date.getFullYear() !== now.getFullYear() && { year: 'numeric' }),
  })
}

function startOf(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime()
}
