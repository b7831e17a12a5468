import type { Locale } from './locale'

/*
 * Amounts arrive as strings of whole millionths and stay exact: bigint for arithmetic, a decimal string
 * for Intl. A `number` would lose the last digits of a large balance.
 */

const MILLION = 1_000_000n
const INT64 = /^-?[0-9]{1,19}$/

/** How an amount is written. */
export interface AmountFormat {
  /** Digits after the comma; smaller amounts show as many as they need for two significant ones. */
  digits?: number
  /** Exactly that many digits, for columns. */
  fixed?: boolean
  /** A plus before what is gained. */
  signed?: boolean
}

function parse(amount: string): bigint {
  if (!INT64.test(amount)) throw new RangeError(`not a whole number of millionths: "${amount}"`)
  return BigInt(amount)
}

/** Roubles, in millionths, for an amount of pix at a price in millionths of a rouble per pix; half-up. */
export function roublesOf(microPix: string, priceMicroRub: string): string {
  const product = parse(microPix) * parse(priceMicroRub)
  const magnitude = product < 0n ? -product : product
  const rounded = (magnitude + MILLION / 2n) / MILLION
  return String(product < 0n ? -rounded : rounded)
}

/** «12 480,5 pix». */
export function formatPix(microPix: string, locale: Locale, format: AmountFormat = {}): string {
  const { digits = 2, fixed = false, signed = false } = format
  const options: Intl.NumberFormatOptions = {
    minimumFractionDigits: fixed ? digits : 0,
    maximumFractionDigits: digits,
    signDisplay: signed ? 'exceptZero' : 'negative',
  }
  return `${write(parse(microPix), locale, fixed ? options : { ...options, ...tinyToo(1) })}\u00a0pix`
}

/** «10 608,43 ₽», from millionths of a rouble. */
export function formatRub(microRub: string, locale: Locale, format: AmountFormat = {}): string {
  const { digits = 2, fixed = false, signed = false } = format
  const options: Intl.NumberFormatOptions = {
    style: 'currency',
    currency: 'RUB',
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: signed ? 'exceptZero' : 'negative',
    trailingZeroDisplay: fixed ? 'auto' : 'stripIfInteger',
  }
  return write(parse(microRub), locale, fixed ? options : { ...options, ...tinyToo(2) })
}

/** «1 990 ₽», from kopecks, as payments and tariffs keep them. */
export function formatKopecks(kopecks: string, locale: Locale, format: AmountFormat = {}): string {
  return formatRub(String(parse(kopecks) * 10_000n), locale, format)
}

/* The price of one answer is a fraction of a kopeck: «0» would be untrue. */
function tinyToo(minimumSignificantDigits: number): Intl.NumberFormatOptions {
  return { minimumSignificantDigits, maximumSignificantDigits: 2, roundingPriority: 'morePrecision' }
}

function write(millionths: bigint, locale: Locale, options: Intl.NumberFormatOptions): string {
  // Intl writes a hyphen; a minus is as wide as the plus and does not break off at the end of a line.
  return new Intl.NumberFormat(locale, options).format(decimal(millionths)).replace('-', '\u2212')
}

function decimal(millionths: bigint): Intl.StringNumericLiteral {
  const magnitude = millionths < 0n ? -millionths : millionths
  const fraction = String(magnitude % MILLION).padStart(6, '0')
  return `${millionths < 0n ? '-' : ''}${magnitude / MILLION}.${fraction}` as Intl.StringNumericLiteral
}
