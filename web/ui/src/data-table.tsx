import { functionalUpdate, useTable, type RowData, type SortingState } from '@tanstack/react-table'
import { useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { cn } from './cn'
import {
  comparator,
  features,
  toColumnDefs,
  type BodyRow,
  type DataTableColumn,
  type DataTableSorting,
} from './data-table-columns'
import { DataRow, GapRow, HEADER_HEIGHT, HeaderRow, MoreRow, SkeletonRows } from './data-table-parts'
import { useLocale } from './locale'
import { useShownColumns } from './use-shown-columns'
import { useVirtualRows } from './use-virtual-rows'

/** Further pages from the server. */
export interface DataTablePaging {
  hasMore: boolean
  loading: boolean
  /** Words for a page that did not load. */
  error?: string | undefined
  /** Words on the button at the end. */
  moreLabel: string
  onMore: () => void
}

export interface DataTableProps<Row extends RowData> {
  /** Name of the table. */
  'aria-label': string
  /** Keep them stable between renders: at module level or in a memo. */
  columns: readonly DataTableColumn<Row>[]
  /** `undefined` while the first page loads. */
  rows: readonly Row[] | undefined
  rowId: (row: Row) => string
  /** `null` = the order of the data. */
  sorting?: DataTableSorting | null
  onSortingChange?: ((sorting: DataTableSorting | null) => void) | undefined
  /** `server`: the rows come sorted. */
  sortMode?: 'client' | 'server'
  paging?: DataTablePaging | undefined
  /** Opens a row: by press, Enter or Space. */
  onRowOpen?: ((row: Row) => void) | undefined
  /** The row that is open beside the table. */
  selectedId?: string | undefined
  /** What to show without rows. */
  empty: ReactNode
  /** In place of rows: an `ErrorState` or `NoAccess`. */
  error?: ReactNode
  /** Pixels. */
  rowHeight?: number
  /** CSS width below which the table scrolls sideways. */
  minWidth?: string
  className?: string | undefined
}

/** Rows of data that fill their container; 10,000 scroll smoothly. */
export function DataTable<Row extends RowData>(props: DataTableProps<Row>) {
  const { rows, error, empty, className } = props
  const nothing = error ?? (rows?.length === 0 ? empty : null)
  return (
    <div
      data-slot="data-table"
      className={cn(
        // In a page of no fixed height all rows would be drawn: then the screen is the limit.
        'border-line bg-surface flex h-full max-h-dvh min-h-64 min-w-0 flex-col overflow-hidden rounded-xl border',
        className,
      )}
    >
      {nothing ?? <RowsTable {...props} />}
    </div>
  )
}

const NO_ROWS: never[] = []
const NEAR_END = 8

function useRows<Row extends RowData>(props: DataTableProps<Row>) {
  const { rows, rowId, sorting, onSortingChange, sortMode = 'client' } = props
  const columns = useShownColumns(props.columns)
  const locale = useLocale()
  const [own, setOwn] = useState<DataTableSorting | null>(null)
  const current = sorting === undefined ? own : sorting
  const state: SortingState = useMemo(
    () => (current ? [{ id: current.columnId, desc: current.desc }] : []),
    [current],
  )
  const defs = useMemo(() => toColumnDefs(columns, sortMode, comparator(locale)), [columns, sortMode, locale])
  return useTable({
    features,
    columns: defs,
    data: rows ?? NO_ROWS,
    getRowId: rowId,
    state: { sorting: state },
    manualSorting: sortMode === 'server',
    enableMultiSort: false,
    onSortingChange: (updater) => {
      const [first] = functionalUpdate(updater, state)
      const next = first ? { columnId: first.id, desc: first.desc } : null
      setOwn(next)
      onSortingChange?.(next)
    },
  })
}

function RowsTable<Row extends RowData>(props: DataTableProps<Row>) {
  const { onRowOpen, minWidth } = props
  const table = useRows(props)
  // State, not a ref: the virtual list inside needs the element before this component's refs are set.
  const [scroller, setScroller] = useState<HTMLDivElement | null>(null)
  const headers = table.getHeaderGroups()[0]?.headers ?? []
  const looks = headers.map(({ id, column }) => ({ id, width: column.columnDef.meta?.width }))
  const loading = props.rows === undefined
  const name = props['aria-label']
  // Where rows cannot take focus, the keyboard scrolls the region itself.
  const region = onRowOpen && !loading ? {} : ({ role: 'region', tabIndex: 0, 'aria-label': name } as const)
  return (
    <div
      ref={setScroller}
      {...region}
      data-slot="data-table-scroller"
      className="min-h-0 flex-1 overflow-auto"
    >
      <table
        role={onRowOpen ? 'grid' : undefined}
        aria-label={name}
        aria-busy={loading}
        aria-rowcount={props.paging?.hasMore ? -1 : (props.rows?.length ?? 0) + 1}
        style={{ minWidth }}
        className="w-full table-fixed border-separate border-spacing-0 text-sm"
      >
        <colgroup>
          {looks.map(({ id, width }) => (
            <col key={id} style={{ width }} />
          ))}
        </colgroup>
        <thead className="bg-surface sticky top-0 z-10">
          <HeaderRow headers={headers} />
        </thead>
        {loading ? (
          <tbody>
            <SkeletonRows looks={looks} height={props.rowHeight ?? 52} />
          </tbody>
        ) : (
          <Body
            {...props}
            table={table.getRowModel().rows}
            order={JSON.stringify(table.state.sorting)}
            span={headers.length}
            scroller={scroller}
          />
        )}
      </table>
    </div>
  )
}

interface BodyProps<Row extends RowData> extends DataTableProps<Row> {
  table: readonly BodyRow<Row>[]
  /** Changes with the sorting. */
  order: string
  span: number
  scroller: HTMLDivElement | null
}

function Body<Row extends RowData>({ table, order, span, scroller, ...props }: BodyProps<Row>) {
  const { rowHeight = 52, onRowOpen, selectedId, paging } = props
  const body = useRef<HTMLTableSectionElement>(null)
  const { items, height, active, setActive, onKeyDown } = useVirtualRows({
    rowIds: (index) => table[index]?.id,
    count: table.length,
    rowHeight,
    headerHeight: HEADER_HEIGHT,
    scroller,
    body,
    order,
  })
  useNextPage(paging, items.at(-1)?.index ?? -1, table.length)

  const drawn: ReactNode[] = []
  let end = HEADER_HEIGHT
  for (const item of items) {
    const row = table[item.index]
    if (!row) continue
    if (item.start > end)
      drawn.push(<GapRow key={`gap ${drawn.length}`} height={item.start - end} span={span} />)
    drawn.push(
      <DataRow
        key={item.key}
        row={row}
        cells={row.getAllCells()}
        index={item.index}
        height={rowHeight}
        active={item.index === active}
        selected={row.id === selectedId}
        onOpen={onRowOpen}
        onFocus={setActive}
      />,
    )
    end = item.end
  }
  const rest = height + HEADER_HEIGHT - end
  return (
    <tbody ref={body} {...(onRowOpen ? { onKeyDown } : {})}>
      {drawn}
      {rest > 0 ? <GapRow height={rest} span={span} /> : null}
      {paging?.hasMore ? (
        <MoreRow
          span={span}
          loading={paging.loading}
          error={paging.error}
          label={paging.moreLabel}
          onMore={paging.onMore}
        />
      ) : null}
    </tbody>
  )
}

/* Asks for the next page a little before its end is seen; after a failure only the button asks again. */
function useNextPage(paging: DataTablePaging | undefined, last: number, count: number) {
  const askedAt = useRef(-1)
  useEffect(() => {
    if (!paging?.hasMore || paging.loading || paging.error) return
    if (last < count - NEAR_END || askedAt.current === count) return
    askedAt.current = count
    paging.onMore()
  })
}
