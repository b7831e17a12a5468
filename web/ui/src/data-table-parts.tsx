import type { Cell, Header, RowData } from '@tanstack/react-table'
import { ArrowDown, ArrowUp, ChevronsUpDown } from 'lucide-react'
import { memo, type KeyboardEvent, type MouseEvent } from 'react'
import { Button } from './button'
import { cn } from './cn'
import type { BodyRow, Features } from './data-table-columns'
import { Skeleton } from './skeleton'

/** Height of the header in pixels; the virtual list needs it as a number. */
export const HEADER_HEIGHT = 44

type HeaderOf<Row extends RowData> = Header<Features, Row, unknown>

/** Names of the columns, with the buttons that sort. */
export function HeaderRow<Row extends RowData>({ headers }: { headers: readonly HeaderOf<Row>[] }) {
  return (
    <tr aria-rowindex={1}>
      {headers.map((header) => (
        <HeaderCell key={header.id} header={header} />
      ))}
    </tr>
  )
}

function HeaderCell<Row extends RowData>({ header }: { header: HeaderOf<Row> }) {
  const { column } = header
  const meta = column.columnDef.meta
  const number = meta?.kind === 'number'
  const title = String(column.columnDef.header)
  const sorted = column.getIsSorted()
  return (
    <th
      data-slot="data-table-head"
      scope="col"
      aria-sort={column.getCanSort() ? ariaSort(sorted) : undefined}
      className={cn(
        'border-line text-ink-2 h-11 border-b px-3 text-sm font-medium',
        number ? 'text-right' : 'text-left',
      )}
    >
      {column.getCanSort() ? (
        <button
          type="button"
          onClick={() => column.toggleSorting()}
          className={cn(
            'hover:text-ink -mx-1.5 inline-flex h-8 max-w-full items-center gap-1.5 rounded-sm px-1.5 transition-colors focus-visible:-outline-offset-2 pointer-coarse:h-11',
            number && 'flex-row-reverse',
            sorted && 'text-ink',
          )}
        >
          <span className="truncate">{title}</span>
          <SortIcon sorted={sorted} />
        </button>
      ) : (
        <span className="block truncate">{title}</span>
      )}
    </th>
  )
}

function ariaSort(sorted: false | 'asc' | 'desc') {
  if (sorted === 'asc') return 'ascending'
  return sorted === 'desc' ? 'descending' : 'none'
}

function SortIcon({ sorted }: { sorted: false | 'asc' | 'desc' }) {
  const look = 'size-3.5 shrink-0'
  if (sorted === 'asc') return <ArrowUp aria-hidden className={look} />
  if (sorted === 'desc') return <ArrowDown aria-hidden className={look} />
  return <ChevronsUpDown aria-hidden className={cn(look, 'opacity-50')} />
}

interface DataRowProps<Row extends RowData> {
  row: BodyRow<Row>
  /** New with new columns, while `row` stays the same. */
  cells: readonly Cell<Features, Row, unknown>[]
  index: number
  height: number
  /** The row that Tab reaches. */
  active: boolean
  selected: boolean
  onOpen: ((row: Row) => void) | undefined
  onFocus: (index: number) => void
}

function PlainDataRow<Row extends RowData>(props: DataRowProps<Row>) {
  const { row, cells, index, height, active, selected, onOpen, onFocus } = props
  const press = (event: MouseEvent<HTMLElement>) => {
    if (!startedOnControl(event)) onOpen?.(row.original)
  }
  const key = (event: KeyboardEvent<HTMLElement>) => {
    if (event.target !== event.currentTarget || (event.key !== 'Enter' && event.key !== ' ')) return
    event.preventDefault()
    onOpen?.(row.original)
  }
  const opening = onOpen
    ? ({
        tabIndex: active ? 0 : -1,
        'aria-selected': selected,
        onClick: press,
        onKeyDown: key,
        onFocus: () => onFocus(index),
      } as const)
    : {}
  return (
    <tr
      data-slot="data-table-row"
      data-index={index}
      aria-rowindex={index + 2}
      style={{ height }}
      {...opening}
      className={cn(
        'focus-visible:-outline-offset-2',
        onOpen && 'hover:bg-sunken cursor-pointer',
        selected && 'bg-ai-soft hover:bg-ai-soft',
      )}
    >
      {cells.map((cell) => {
        const { columnDef } = cell.column
        const meta = columnDef.meta
        return (
          <td
            key={cell.id}
            data-slot="data-table-cell"
            className={cn(
              'border-line truncate border-b px-3 py-0',
              meta?.kind === 'number' && 'tnum text-right',
            )}
          >
            {typeof columnDef.cell === 'function' ? columnDef.cell(cell.getContext()) : null}
          </td>
        )
      })}
    </tr>
  )
}

/** A row of data. Memoised: while the table scrolls, only rows that come in are drawn. */
export const DataRow = memo(PlainDataRow) as typeof PlainDataRow

/* A link, a switch or a menu inside of a row does its own thing. */
function startedOnControl(event: MouseEvent<HTMLElement>): boolean {
  const { target } = event
  return (
    target instanceof Element &&
    target.closest('a, button, input, label, [role="switch"], [role="menuitem"]') !== null
  )
}

/** Keeps the place of rows that are not drawn. */
export function GapRow({ height, span }: { height: number; span: number }) {
  return (
    <tr aria-hidden data-slot="data-table-gap">
      <td colSpan={span} style={{ height, padding: 0 }} />
    </tr>
  )
}

interface SkeletonRowsProps {
  looks: readonly { id: string }[]
  height: number
}

/** What stands in the table while its first rows load. */
export function SkeletonRows({ looks, height }: SkeletonRowsProps) {
  return Array.from({ length: 8 }, (_, row) => (
    <tr key={row} aria-hidden style={{ height }}>
      {looks.map(({ id }, column) => (
        <td key={id} className="border-line border-b px-3">
          <Skeleton className={cn('h-4', column === 0 ? 'w-4/5' : 'w-1/2')} />
        </td>
      ))}
    </tr>
  ))
}

interface MoreRowProps {
  span: number
  loading: boolean
  /** Words beside the button when the last page did not load. */
  error: string | undefined
  label: string
  onMore: () => void
}

/** The end of a list of which there is more. */
export function MoreRow({ span, loading, error, label, onMore }: MoreRowProps) {
  return (
    <tr data-slot="data-table-more">
      <td colSpan={span} className="p-3">
        <div className="flex flex-wrap items-center justify-center gap-3">
          {error ? (
            <span role="alert" className="text-danger text-sm">
              {error}
            </span>
          ) : null}
          <Button size="sm" loading={loading} onClick={onMore}>
            {label}
          </Button>
        </div>
      </td>
    </tr>
  )
}
