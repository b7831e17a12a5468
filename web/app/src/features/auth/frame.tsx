import { PixelPortrait, Wordmark } from '@neipix/ui'
import { useEffect, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'

export interface FrameProps {
  title: string
  hint: ReactNode
  children: ReactNode
}

/* The portraits beside the form: two thirds AI, one third people, the same for everybody. */
const FACES = Array.from({ length: 20 }, (_, n) => ({ id: `neipix-${n}`, human: n % 3 === 1 }))

/** A screen before the door: the form in the middle, faces beside it where there is room. */
export function Frame({ title, hint, children }: FrameProps) {
  const { t } = useTranslation('auth')
  useEffect(() => {
    document.title = `${title} · Neipix`
  }, [title])
  return (
    <div className="grid min-h-dvh lg:grid-cols-2">
      <main className="flex min-w-0 flex-col px-4 py-6 sm:px-8">
        <Wordmark className="self-start" />
        <div className="m-auto flex w-full max-w-sm flex-col gap-6 py-8">
          <div>
            <h1
              data-slot="page-title"
              tabIndex={-1}
              className="text-2xl font-semibold tracking-tight outline-none"
            >
              {title}
            </h1>
            <p className="text-ink-2 pt-1.5 break-words">{hint}</p>
          </div>
          {children}
        </div>
      </main>
      <aside className="border-line bg-sunken hidden flex-col items-center justify-center gap-10 border-l p-12 lg:flex">
        <div aria-hidden className="grid grid-cols-5 gap-4">
          {FACES.map(({ id, human }) => (
            <PixelPortrait key={id} id={id} tone={human ? 'human' : 'ai'} size={70} />
          ))}
        </div>
        <p className="text-ink-2 max-w-sm text-center text-lg">{t('promise')}</p>
      </aside>
    </div>
  )
}
