import { Badge, cleanText } from '@neipix/ui'
import { Link } from '@tanstack/react-router'
import { FileText } from 'lucide-react'
import { useTranslation } from 'react-i18next'
import type { Explanation } from './kinds'

type Passage = Explanation['passages'][number]

export interface PassagesPartProps {
  readonly passages: readonly Passage[]
  readonly assistantId: string
  readonly onFollow: (() => void) | undefined
}

/** What the knowledge gave: what the answer saw, and what was dropped by which rule. */
export function PassagesPart({ passages, ...rest }: PassagesPartProps) {
  const { t } = useTranslation('explanation')
  if (passages.length === 0) return <p className="text-ink-2">{t('passages.none')}</p>
  const used = passages.filter(({ dropped }) => dropped === 'DROP_RULE_UNSPECIFIED')
  const dropped = passages.filter((passage) => !used.includes(passage))
  return (
    <>
      <Group title={t('passages.used')} passages={used} {...rest} />
      <Group title={t('passages.dropped')} passages={dropped} {...rest} />
    </>
  )
}

function Group({ title, passages, ...rest }: PassagesPartProps & { readonly title: string }) {
  if (passages.length === 0) return null
  return (
    <div className="flex flex-col gap-1.5">
      <h4 className="text-ink-2 font-medium">
        {title} · {passages.length}
      </h4>
      <ol aria-label={title} className="flex flex-col gap-2">
        {passages.map((passage) => (
          <li key={passage.passageId} className="border-line flex flex-col gap-1.5 rounded-lg border p-3">
            <PassageCard passage={passage} {...rest} />
          </li>
        ))}
      </ol>
    </div>
  )
}

const LONG = 280

function PassageCard({
  passage,
  assistantId,
  onFollow,
}: Omit<PassagesPartProps, 'passages'> & { readonly passage: Passage }) {
  const { t } = useTranslation('explanation')
  const { fileName, text, state, dropped, mark } = passage
  const words = cleanText(text)
  return (
    <>
      <Place passage={passage} assistantId={assistantId} onFollow={onFollow} />
      <div className="flex flex-wrap gap-1.5">
        {mark > 0 && <Badge tone="ai">{t('passages.mark', { mark })}</Badge>}
        {dropped !== 'DROP_RULE_UNSPECIFIED' && <Badge tone="warn">{t(`passages.rules.${dropped}`)}</Badge>}
        {(state === 'SOURCE_STATE_RETIRED' || state === 'SOURCE_STATE_GONE') && fileName !== '' && (
          <Badge>{t(`passages.states.${state}`)}</Badge>
        )}
      </div>
      {words === '' ? (
        <p className="text-ink-2">{t('passages.gone')}</p>
      ) : words.length <= LONG ? (
        <blockquote dir="auto" className="border-line border-l-2 pl-3 break-words whitespace-pre-wrap">
          {words}
        </blockquote>
      ) : (
        <details className="group">
          <summary className="text-ink-2 cursor-pointer list-none">
            <span
              dir="auto"
              className="text-ink border-line block border-l-2 pl-3 break-words group-open:hidden"
            >
              {words.slice(0, LONG)}…
            </span>
            <span className="underline underline-offset-2 group-open:hidden">{t('passages.whole')}</span>
          </summary>
          <blockquote dir="auto" className="border-line border-l-2 pl-3 break-words whitespace-pre-wrap">
            {words}
          </blockquote>
        </details>
      )}
      <Score passage={passage} />
    </>
  )
}

function Place({
  passage,
  assistantId,
  onFollow,
}: Omit<PassagesPartProps, 'passages'> & { readonly passage: Passage }) {
  const { t } = useTranslation('explanation')
  const { fileId, fileName, page, start, headings, state } = passage
  if (fileName === '') return null
  const name = cleanText(fileName)
  return (
    <div className="flex min-w-0 flex-col">
      <p className="flex min-w-0 items-center gap-1.5 font-medium">
        <FileText aria-hidden className="size-4 shrink-0" />
        {state === 'SOURCE_STATE_PRESENT' ? (
          <Link
            to="/assistants/$id/knowledge"
            params={{ id: assistantId }}
            hash={`file-${fileId}`}
            onClick={() => onFollow?.()}
            className="text-ai truncate underline underline-offset-2"
          >
            {name}
          </Link>
        ) : (
          <span className="truncate">{name}</span>
        )}
      </p>
      <p className="text-ink-2 text-xs break-words">
        {[
          page > 0 ? t('passages.page', { page }) : '',
          t('passages.offset', { start }),
          ...headings.map(cleanText),
        ]
          .filter((part) => part !== '')
          .join(' · ')}
      </p>
    </div>
  )
}

function Score({ passage: { score, parts } }: { readonly passage: Passage }) {
  const { t } = useTranslation('explanation')
  const shown = useScore()
  return (
    <details>
      <summary className="text-ink-2 cursor-pointer text-xs">
        {t('passages.score', { score: shown(score) })}
      </summary>
      <ul aria-label={t('passages.parts')} className="text-ink-2 mt-1 flex flex-col gap-0.5 text-xs">
        {parts.map((part, n) => (
          <li key={n}>
            {[
              part.kind === 'SCORE_KIND_UNSPECIFIED' ? '' : t(`passages.kinds.${part.kind}`),
              part.reading === 'QUESTION_READING_UNSPECIFIED' ? '' : t(`passages.readings.${part.reading}`),
              part.place > 0 ? t('passages.place', { place: part.place }) : '',
              part.nearness > 0 ? t('passages.nearness', { percent: Math.round(part.nearness * 100) }) : '',
              t('passages.share', { share: shown(part.share) }),
            ]
              .filter((text) => text !== '')
              .join(', ')}
          </li>
        ))}
      </ul>
    </details>
  )
}

function useScore(): (score: number) => string {
  const { i18n } = useTranslation('explanation')
  const format = new Intl.NumberFormat(i18n.language, { maximumSignificantDigits: 3 })
  return (score) => format.format(score)
}
