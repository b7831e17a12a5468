import { useRender } from '@base-ui/react/use-render'
import { ChevronRight } from 'lucide-react'
import type { ReactElement, ReactNode } from 'react'
import { cn } from './cn'

export interface Crumb {
  label: string
  /** The router's link to that screen, without children. */
  link: ReactElement<Record<string, unknown>>
}

export interface BreadcrumbsProps {
  /** The way here, from the top; the present screen is not in it. */
  crumbs: readonly Crumb[]
  'aria-label': string
}

/** The way from the top to this screen. */
export function Breadcrumbs({ crumbs, ...props }: BreadcrumbsProps) {
  return (
    <nav data-slot="breadcrumbs" {...props}>
      <ol className="text-ink-2 flex flex-wrap items-center gap-1 text-sm">
        {crumbs.map((crumb) => (
          <li key={crumb.label} className="flex items-center gap-1">
            <CrumbLink crumb={crumb} />
            <ChevronRight aria-hidden className="size-3.5" />
          </li>
        ))}
      </ol>
    </nav>
  )
}

function CrumbLink({ crumb }: { crumb: Crumb }) {
  return useRender({
    render: crumb.link,
    props: {
      children: crumb.label,
      className:
        'inline-flex min-h-6 items-center rounded-xs hover:text-ink hover:underline pointer-coarse:min-h-11',
    },
  })
}

export interface PageHeaderProps {
  title: ReactNode
  hint?: ReactNode
  /** A status beside the title. */
  badge?: ReactNode
  /** Portrait or icon before the title. */
  lead?: ReactNode
  /** Buttons, the main one last. */
  actions?: ReactNode
  breadcrumbs?: BreadcrumbsProps
  className?: string | undefined
}

/** The top of a screen. Its title takes focus after a change of screen. */
export function PageHeader({ title, hint, badge, lead, actions, breadcrumbs, className }: PageHeaderProps) {
  return (
    <header data-slot="page-header" className={cn('flex flex-col gap-2 pb-5', className)}>
      {breadcrumbs ? <Breadcrumbs {...breadcrumbs} /> : null}
      <div className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3">
        <div className="flex min-w-0 items-center gap-3">
          {lead}
          <div className="min-w-0">
            <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
              <h1
                data-slot="page-title"
                tabIndex={-1}
                className="text-2xl font-semibold tracking-tight break-words outline-none"
              >
                {title}
              </h1>
              {badge}
            </div>
            {hint ? <p className="text-ink-2 pt-1">{hint}</p> : null}
          </div>
        </div>
        {actions ? <div className="flex flex-wrap items-center gap-2">{actions}</div> : null}
      </div>
    </header>
  )
}
