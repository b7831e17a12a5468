const UNITS = ['byte', 'kilobyte', 'megabyte'] as const

/** «1,4 МБ»: in the unit that keeps the number short. */
export function formatBytes(bytes: number, locale: string): string {
  const step = bytes < 1024 ? 0 : bytes < 1024 * 1024 ? 1 : 2
  const unit = UNITS[step] ?? 'byte'
  const value = bytes / 1024 ** step
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit,
    unitDisplay: 'short',
    maximumFractionDigits: value < 10 && step > 0 ? 1 : 0,
  }).format(value)
}
