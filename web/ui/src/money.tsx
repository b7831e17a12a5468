import { formatPix, formatRub, roublesOf, type AmountFormat } from './amounts'
import { cn } from './cn'
import { useLocale, type Locale } from './locale'

export interface MoneyProps extends AmountFormat {
  /** Millionths of a pix, as the API sends them: a string. */
  microPix: string
  /** Millionths of a rouble for one pix, by the tariff; `null` while no price is known. */
  priceMicroRub: string | null
  /** Roubles after the pix, or under them. */
  layout?: 'inline' | 'stacked'
  locale?: Locale
  className?: string | undefined
}

/** An amount in pix with its roubles beside it; the exact amount is in the title. */
export function Money(props: MoneyProps) {
  const { microPix, priceMicroRub, layout = 'inline', locale, className, ...format } = props
  const language = useLocale(locale)
  const exact = formatPix(microPix, language, { digits: 6 })
  return (
    <span
      data-slot="money"
      title={exact}
      className={cn(
        'inline-flex',
        layout === 'inline' ? 'flex-wrap items-baseline gap-x-2' : 'flex-col',
        className,
      )}
    >
      <span className="whitespace-nowrap">{formatPix(microPix, language, format)}</span>
      {priceMicroRub === null ? null : (
        <span className="text-ink-2 text-sm font-normal whitespace-nowrap">
          {formatRub(roublesOf(microPix, priceMicroRub), language, format)}
        </span>
      )}
    </span>
  )
}
