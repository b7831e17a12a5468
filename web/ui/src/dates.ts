import type { Locale } from './locale'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY

/* Making a formatter costs more than using it, and a table uses hundreds. */
const relative = new Map<Locale, Intl.RelativeTimeFormat>()
const absolute = new Map<string, Intl.DateTimeFormat>()

function relativeFormat(locale: Locale): Intl.RelativeTimeFormat {
  const known = relative.get(locale)
  if (known) return known
  const made = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  relative.set(locale, made)
  return made
}

function dateFormat(locale: Locale, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${JSON.stringify(options)}`
  const known = absolute.get(key)
  if (known) return known
  const made = new Intl.DateTimeFormat(locale, options)
  absolute.set(key, made)
  return made
}

/** How long ago, or in how long, at most a week away: «5 минут назад», «вчера»; beyond that the day. */
export function formatRelative(date: Date, now: Date, locale: Locale, timeZone?: string): string {
  const seconds = Math.trunc((date.getTime() - now.getTime()) / 1000)
  const distance = Math.abs(seconds)
  const format = relativeFormat(locale)
  if (distance < MINUTE) return format.format(0, 'second')
  if (distance < HOUR) return format.format(Math.trunc(seconds / MINUTE), 'minute')
  if (distance < DAY) return format.format(Math.trunc(seconds / HOUR), 'hour')
  if (distance < WEEK) return format.format(Math.trunc(seconds / DAY), 'day')
  return formatDay(date, now, locale, timeZone)
}

/** The day, with the year unless it is this one: «5 мар.», «5 мар. 2024 г.». */
export function formatDay(date: Date, now: Date, locale: Locale, timeZone?: string): string {
  const year = dateFormat('en', { year: 'numeric', timeZone })
  const sameYear = year.format(date) === year.format(now)
  return dateFormat(locale, {
    day: 'numeric',
    month: 'short',
    year: sameYear ? undefined : 'numeric',
    timeZone,
  }).format(date)
}

/** Hours and minutes: «14:30». */
export function formatClock(date: Date, locale: Locale, timeZone?: string): string {
  return dateFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone }).format(date)
}

/** Everything, for a title or a report: «5 марта 2026 г. в 14:30». */
export function formatFull(date: Date, locale: Locale, timeZone?: string): string {
  return dateFormat(locale, { dateStyle: 'long', timeStyle: 'short', timeZone }).format(date)
}
