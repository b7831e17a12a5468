import type { Schemas } from '@neipix/api'
import { Card, CardContent, CardHeader, CardTitle } from '@neipix/ui'
import { useLocation } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'

/** When the assistant is silent, or says something fixed: where an explanation leads to. */
export function RulesCard({ spec }: { spec: Schemas['AssistantSpec'] | undefined }) {
  const { t } = useTranslation('assistants')
  const hash = useLocation({ select: (location) => location.hash })
  useEffect(() => {
    if (hash) document.getElementById(hash)?.scrollIntoView({ block: 'center' })
  }, [hash])
  const words = spec?.stopWords ?? []
  return (
    <Card>
      <CardHeader>
        <CardTitle>{t('rules.title')}</CardTitle>
      </CardHeader>
      <CardContent className="flex flex-col gap-5 text-sm">
        <section id="schedule" data-named={hash === 'schedule' || undefined} className={NAMED}>
          <h3 className="pb-1 font-medium">{t('rules.schedule')}</h3>
          <Hours schedule={spec?.schedule} />
        </section>
        <section>
          <h3 className="pb-1 font-medium">{t('rules.stopWords')}</h3>
          {words.length === 0 ? <p className="text-ink-2">{t('rules.noStopWords')}</p> : null}
          <ol className="flex flex-col gap-1">
            {words.map((word, index) => (
              <li
                key={`${index} ${word.pattern}`}
                id={`stop-word-${index}`}
                data-named={hash === `stop-word-${index}` || undefined}
                className={NAMED}
              >
                <span className="font-medium break-words">«{word.pattern}»</span>{' '}
                <span className="text-ink-2">{t(`rules.actions.${word.action}`)}</span>
              </li>
            ))}
          </ol>
        </section>
      </CardContent>
    </Card>
  )
}

const NAMED = 'data-named:bg-warn-soft -mx-2 rounded-md px-2 py-1'

const clock = (minute: number) =>
  `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`

function Hours({ schedule }: { schedule: Schemas['Schedule'] | undefined }) {
  const { t, i18n } = useTranslation('assistants')
  if (!schedule) return <p className="text-ink-2">{t('rules.always')}</p>
  // 1 January 2024 was a Monday.
  const day = new Intl.DateTimeFormat(i18n.language, { weekday: 'short', timeZone: 'UTC' })
  return (
    <>
      <ul>
        {schedule.weekly.map(({ weekday, fromMinute, toMinute }) => (
          <li key={`${weekday} ${fromMinute}`}>
            {day.format(Date.UTC(2024, 0, weekday))} {clock(fromMinute)}–{clock(toMinute)}
          </li>
        ))}
      </ul>
      <p className="text-ink-2 text-xs">{schedule.timeZone}</p>
    </>
  )
}
