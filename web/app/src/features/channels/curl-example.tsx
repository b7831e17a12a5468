import { CopyButton } from '@neipix/ui'
import { useId, useRef } from 'react'
import { useTranslation } from 'react-i18next'

/** Integrators have a host of their own: `api.` where the app stands on `app.`. */
export function apiOrigin({ protocol, host }: { protocol: string; host: string }): string {
  return `${protocol}//${host.replace(/^app\./, 'api.')}`
}

/** What is asked, as a line for the terminal. */
export function curlOf(origin: string, key: string, question: string): string {
  const body = JSON.stringify({ contactExternalId: 'customer-1', externalId: 'question-1', text: question })
  return [
    `curl ${origin}/api/v1/channels/api/messages \\`,
    `  -H 'Authorization: Bearer ${key}' \\`,
    `  -H 'Content-Type: application/json' \\`,
    // An apostrophe would end the shell's quotes.
    `  -d '${body.replaceAll("'", "'\\''")}'`,
  ].join('\n')
}

/** A request to copy and run. */
export function CurlExample({ secret }: { secret: string | undefined }) {
  const { t } = useTranslation('channels')
  const id = useId()
  const pre = useRef<HTMLPreElement>(null)
  const select = () => {
    if (pre.current) window.getSelection()?.selectAllChildren(pre.current)
  }
  const text = curlOf(apiOrigin(window.location), secret ?? t('api.exampleKey'), t('api.question'))
  const copy = { ns: 'common' } as const
  return (
    <section aria-labelledby={id} className="flex min-w-0 flex-col gap-2">
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h3 id={id} className="text-sm font-semibold">
          {t('api.example')}
        </h3>
        <CopyButton
          size="sm"
          value={text}
          labels={{ copy: t('copy', copy), copied: t('copied', copy), failed: t('copyFailed') }}
          onFailed={select}
        />
      </div>
      <pre
        ref={pre}
        // What is wider than the page is scrolled by keys.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        role="region"
        aria-label={t('api.exampleLabel')}
        className="bg-sunken overflow-x-auto rounded-lg p-3 font-mono text-xs leading-relaxed"
      >
        {text}
      </pre>
    </section>
  )
}
