import { act, render, screen } from '@testing-library/react'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { formatClock, formatDay, formatFull, formatRelative } from './dates'
import { Time } from './time'

const now = new Date('2026-11-30T12:00:00Z')
const ago = (seconds: number) => new Date(now.getTime() - seconds * 1000)
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, ' ')

afterEach(() => vi.useRealTimers())

describe('formatRelative', () => {
  it.each([
    [5, 'сейчас', 'now'],
    [60, '1 минуту назад', '1 minute ago'],
    [5 * 60, '5 минут назад', '5 minutes ago'],
    [21 * 60, '21 минуту назад', '21 minutes ago'],
    [3 * 3600, '3 часа назад', '3 hours ago'],
    [26 * 3600, 'вчера', 'yesterday'],
    [5 * 86400, '5 дней назад', '5 days ago'],
    [-2 * 3600, 'через 2 часа', 'in 2 hours'],
  ])('%d seconds before now', (seconds, ru, en) => {
    expect(plain(formatRelative(ago(seconds), now, 'ru'))).toBe(ru)
    expect(plain(formatRelative(ago(seconds), now, 'en'))).toBe(en)
  })

  it('gives the day beyond a week, and the year beyond this one', () => {
    expect(plain(formatRelative(ago(10 * 86400), now, 'ru', 'UTC'))).toBe('20 нояб.')
    expect(plain(formatRelative(ago(400 * 86400), now, 'ru', 'UTC'))).toBe('26 окт. 2025 г.')
  })
})

it('asks the zone, not the machine, which year it is', () => {
  const eve = new Date('2025-12-31T22:30:00Z')
  const later = new Date('2026-01-20T00:00:00Z')
  expect(plain(formatDay(eve, later, 'ru', 'Europe/Moscow'))).toBe('1 янв.')
  expect(plain(formatDay(eve, later, 'ru', 'UTC'))).toBe('31 дек. 2025 г.')
})

it('writes the hour by 24', () => {
  expect(formatClock(new Date('2026-11-30T20:05:00Z'), 'en', 'UTC')).toBe('20:05')
})

describe('Time', () => {
  it('has the full date in its title', () => {
    render(<Time value="2026-11-30T11:55:00Z" now={now.getTime()} timeZone="UTC" />)
    const time = screen.getByText('5 минут назад')
    expect(time).toHaveAttribute('datetime', '2026-11-30T11:55:00.000Z')
    expect(time).toHaveAttribute('title', formatFull(ago(300), 'ru', 'UTC'))
    expect(plain(time.title)).toContain('30 ноября 2026 г.')
  })

  it('goes on by itself', () => {
    vi.useFakeTimers({ now })
    render(<Time value="2026-11-30T11:58:00Z" />)
    expect(screen.getByText('2 минуты назад')).toBeInTheDocument()
    act(() => vi.advanceTimersByTime(60_000))
    expect(screen.getByText('3 минуты назад')).toBeInTheDocument()
  })

  it('shows nothing for what is no date', () => {
    const { container } = render(<Time value="soon" now={now.getTime()} />)
    expect(container).toBeEmptyDOMElement()
  })
})
